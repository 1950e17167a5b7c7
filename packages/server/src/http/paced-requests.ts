import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** The most that is handed to the HTTP parser at once of what may hold many small parts. */
const PIECE_BYTES = 2048
/** Read from the socket at once. */
const READ_BYTES = 16_384
/** Ends the head of a request, and a chunked body: neither has one before its end. */
const END = '\r\n\r\n'
const NOTHING = Buffer.alloc(0)

type AnyListener = ReturnType<Socket['listeners']>[number]
type Parse = (this: Socket, bytes: Buffer) => void

export interface PacedRequestsParts {
  /** Calls `handOver` of these requests when it is their turn. */
  readonly queue: (requests: PacedRequests) => void
  /**
   * Whether one more request is let in. false: it was refused, and the connection ends. `wasWaiting`: it was sent before the
   * one before it was answered.
   */
  readonly admit: (socket: Socket, wasWaiting: boolean) => boolean
  /** HTTP has left the socket to a WebSocket or another protocol, or the socket is gone. */
  readonly ended: (socket: Socket) => void
}

/**
 * The requests of one HTTP connection, handed to Node's parser one at a time: the next one once the one before it was
 * answered, and not in the same turn of the event loop. Node itself parses, and answers, all requests of a read of
 * 64 KiB in one go, thousands of them, before anybody else has a turn.
 *
 * It takes the place of the parser as the listener to the socket's bytes, and gives it pieces that end where a request
 * does. While a request waits, the kernel holds the bytes behind it.
 */
export class PacedRequests {
  readonly #socket: Socket
  readonly #parts: PacedRequestsParts
  readonly #parse: Parse
  /** There as long as the socket speaks HTTP. */
  readonly #ofParser: AnyListener | undefined
  /** Read, and not handed over yet. */
  #rest: Buffer = NOTHING
  /** The last bytes that were handed over, which the end of a head may begin in. */
  #tail: Buffer = NOTHING
  #request: IncomingMessage | undefined
  #isAnswered = true
  #isInHead = false
  #wasWaiting = false
  /** Bytes of the body that have not come yet; undefined: it is chunked. */
  #bodyBytes: number | undefined
  #isQueued = false
  #isOver = false

  /** undefined: this socket has no parser that can be paced. */
  static of(socket: Socket, parts: PacedRequestsParts): PacedRequests | undefined {
    const [parse] = socket.listeners('data')
    return parse === undefined ? undefined : new PacedRequests(socket, parse as Parse, parts)
  }

  private constructor(socket: Socket, parse: Parse, parts: PacedRequestsParts) {
    this.#socket = socket
    this.#parse = parse
    this.#parts = parts
    this.#ofParser = socket.listeners('end').at(-1)
    socket.off('data', parse)
    socket.on('readable', this.#onReadable)
    socket.on('drain', this.#onReadable)
    // A request whose body was not taken for a while is read on.
    socket.on('resume', this.#onReadable)
    socket.on('close', this.#end)
  }

  /** The parser has seen the head of a request. */
  began(request: IncomingMessage, response: ServerResponse): void {
    this.#request = request
    this.#isInHead = false
    this.#isAnswered = false
    const length = request.headers['content-length']
    this.#bodyBytes = request.headers['transfer-encoding'] === undefined ? Number(length ?? 0) : undefined
    response.once('close', this.#answered)
  }

  /** Hands over one piece, and asks for another turn if there is more. */
  handOver(): void {
    this.#isQueued = false
    if (this.#isOver || !this.#mayHandOver) return
    if (this.#rest.length === 0) this.#rest = this.#read()
    if (this.#rest.length === 0) return
    if (!this.#socket.writable) return this.#drop()
    if (this.#request === undefined && !this.#isInHead) {
      if (!this.#parts.admit(this.#socket, this.#wasWaiting)) return this.#drop()
      this.#isInHead = true
      this.#wasWaiting = false
    }
    const piece = this.#nextPiece()
    this.#rest = this.#rest.subarray(piece.length)
    this.#parse.call(this.#socket, piece)
    if (!this.#socket.listeners('end').some((listener) => listener === this.#ofParser)) return this.#end()
    this.#forgetAnswered()
    // Node answered it itself, such as one with an expectation that it does not know.
    if (this.#request === undefined && this.#tail.length === 0) return this.#answeredByNode()
    this.#onReadable()
  }

  readonly #onReadable = (): void => {
    if (this.#isQueued || this.#isOver) return
    if (!this.#hasMore) {
      // Hears of the end of the connection, which whoever answers wants to know too.
      this.#socket.read()
      return
    }
    if (!this.#mayHandOver) return
    this.#isQueued = true
    this.#parts.queue(this)
  }

  /** Whether the parser may have more: nobody waits for an answer, or the body of that request is not whole yet. */
  get #mayHandOver(): boolean {
    if (this.#socket.writableNeedDrain) return false
    if (this.#request === undefined || this.#request.complete) return this.#isAnswered
    return this.#isAnswered || this.#request.readableLength < this.#request.readableHighWaterMark
  }

  /** No more than can be given back often: each time more would be read behind it. */
  #read(): Buffer {
    const bytes = Math.min(this.#socket.readableLength, READ_BYTES)
    return bytes === 0 ? NOTHING : ((this.#socket.read(bytes) as Buffer | null) ?? NOTHING)
  }

  /** The bytes that come next, up to where a request may end. */
  #nextPiece(): Buffer {
    if (this.#request !== undefined && this.#bodyBytes !== undefined && this.#bodyBytes > 0) {
      const body = this.#rest.subarray(0, this.#bodyBytes)
      this.#bodyBytes -= body.length
      return body
    }
    const most = this.#rest.subarray(0, PIECE_BYTES)
    const end = endWithin(this.#tail, most)
    const piece = most.subarray(0, end)
    this.#tail = end === undefined ? lastBytes(this.#tail, piece) : NOTHING
    return piece
  }

  readonly #answered = (): void => {
    this.#isAnswered = true
    this.#wasWaiting = this.#hasMore
    this.#forgetAnswered()
    // Others have a turn between two requests of one connection.
    setImmediate(this.#onReadable)
  }

  #answeredByNode(): void {
    this.#isInHead = false
    this.#wasWaiting = this.#hasMore
    setImmediate(this.#onReadable)
  }

  get #hasMore(): boolean {
    return this.#rest.length > 0 || this.#socket.readableLength > 0
  }

  #forgetAnswered(): void {
    if (this.#isAnswered && this.#request?.complete === true) this.#request = undefined
  }

  /** Nobody reads it any more. */
  #drop(): void {
    this.#rest = NOTHING
    this.#end()
    this.#socket.resume()
  }

  readonly #end = (): void => {
    if (this.#isOver) return
    this.#isOver = true
    const socket = this.#socket
    socket.off('readable', this.#onReadable).off('drain', this.#onReadable)
    socket.off('resume', this.#onReadable).off('close', this.#end)
    if (this.#rest.length > 0 && !socket.destroyed) socket.unshift(this.#rest)
    this.#rest = NOTHING
    this.#parts.ended(socket)
  }
}

/** Where the first end of a head is in `bytes`, which may have begun in `before`; undefined: none is. */
const endWithin = (before: Buffer, bytes: Buffer): number | undefined => {
  const atSeam = Buffer.concat([before, bytes.subarray(0, END.length - 1)]).indexOf(END)
  if (atSeam !== -1) return atSeam + END.length - before.length
  const start = bytes.indexOf(END)
  return start === -1 ? undefined : start + END.length
}

/** As many of the last bytes as an end can begin in. */
const lastBytes = (before: Buffer, bytes: Buffer): Buffer =>
  Buffer.concat([before, bytes.subarray(1 - END.length)]).subarray(1 - END.length)
