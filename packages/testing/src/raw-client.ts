import { type Codec, type Command, isRecord, jsonCodec, type ServerMessage } from '@tidings/protocol'
import { type ClientOptions, WebSocket } from 'ws'

type MessageOf<Type extends ServerMessage['type']> = Extract<ServerMessage, { readonly type: Type }>
type CommandWithoutId = Command extends infer Each ? (Each extends Command ? Omit<Each, 'id'> : never) : never

export interface Closed {
  readonly code: number
  readonly reason: string
}

export interface RawClientOptions {
  /** Default: JSON. */
  readonly codec?: Codec
  /** false: offers no subprotocol, like a plain `new WebSocket(url)`. Default true. */
  readonly offerSubprotocol?: boolean
  readonly headers?: Readonly<Record<string, string>>
  /** The token of the connect command; false: no connect command is sent. */
  readonly token?: string | false
  readonly client?: string
  /** More options for `ws`, such as `localAddress`. */
  readonly socket?: ClientOptions
}

/**
 * Speaks the wire protocol without the SDK: sends what it is told, valid or not, and keeps everything that comes.
 * Replies and pushes are handed out in the order they came; what nobody asked for stays in `received`.
 */
export class RawClient {
  readonly socket: WebSocket
  readonly codec: Codec
  /** Everything the server sent, in order. */
  readonly received: ServerMessage[] = []
  readonly closed: Promise<Closed>
  readonly #waiting = new Set<() => void>()
  #nextId = 1
  #isClosed = false

  private constructor(socket: WebSocket, codec: Codec) {
    this.socket = socket
    this.codec = codec
    socket.on('message', (data: Buffer, isBinary) => this.#receive(isBinary ? data : data.toString()))
    socket.on('error', () => undefined)
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        this.#isClosed = true
        this.#wake()
        resolve({ code, reason: reason.toString() })
      })
    })
  }

  /** Opens a socket and, unless told otherwise, connects. Rejects when the handshake is refused. */
  static async open(url: string, options: RawClientOptions = {}): Promise<RawClient> {
    const { codec = jsonCodec, offerSubprotocol = true, headers, token, client } = options
    const socketOptions = { ...options.socket, ...(headers === undefined ? undefined : { headers }) }
    const socket = new WebSocket(url, offerSubprotocol ? [codec.subprotocol] : [], socketOptions)
    const raw = new RawClient(socket, codec)
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve)
      socket.once('error', reject)
    })
    if (token === false) return raw
    const identity = {
      ...(token === undefined ? undefined : { token }),
      ...(client === undefined ? undefined : { client }),
    }
    await raw.request({ type: 'connect', ...identity })
    return raw
  }

  /** One frame: a string or bytes as they are, anything else through the codec. */
  send(frame: string | Uint8Array | object): void {
    this.socket.send(typeof frame === 'string' || frame instanceof Uint8Array ? frame : this.codec.encode(frame))
  }

  /** Sends a command with a fresh id and resolves to its reply, an error reply included. Rejects if the socket closes. */
  async request(command: CommandWithoutId): Promise<ServerMessage> {
    const id = this.#nextId++
    this.send({ ...command, id })
    return this.find((item) => 'id' in item && item.id === id)
  }

  /** The first message of this type not before `start` (an index into `received`), now or later. */
  async next<Type extends ServerMessage['type']>(type: Type, start = 0): Promise<MessageOf<Type>> {
    return (await this.find((item) => item.type === type, start)) as MessageOf<Type>
  }

  /** The first message not before `start` that fits, now or later. Rejects if the socket closes before it came. */
  async find(fits: (item: ServerMessage) => boolean, start = 0): Promise<ServerMessage> {
    let at = start
    for (;;) {
      for (; at < this.received.length; at++) {
        const item = this.received[at]
        if (item !== undefined && fits(item)) return item
      }
      if (this.#isClosed) throw new Error('the socket closed before the awaited message came')
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
  }

  /** Data of every publication received on a channel so far, in order. */
  dataOf(channel: string): readonly unknown[] {
    return this.received.flatMap((item) =>
      item.type === 'publications' && item.channel === channel
        ? item.publications.flatMap((publication) => ('data' in publication ? [publication.data] : []))
        : [],
    )
  }

  /** Resolves once this many publications of a channel came. */
  async countOf(channel: string, count: number): Promise<void> {
    while (this.dataOf(channel).length < count) {
      if (this.#isClosed) throw new Error(`the socket closed after ${this.dataOf(channel).length} publications`)
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
  }

  async close(): Promise<void> {
    this.socket.close(1000)
    await this.closed
  }

  #receive(frame: string | Uint8Array): void {
    for (const item of this.codec.decode(frame) ?? []) {
      if (isRecord(item)) this.received.push(item as unknown as ServerMessage)
    }
    this.#wake()
  }

  #wake(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }
}
