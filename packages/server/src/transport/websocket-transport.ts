import type { IncomingMessage, Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Duplex, Writable } from 'node:stream'
import type { Socket } from 'node:net'
import { type Codec, jsonCodec } from '@tidings/protocol'
import { msgpackCodec } from '@tidings/protocol/msgpack'
import { type RawData, WebSocket, WebSocketServer } from 'ws'
import type { Rate, RateLimit } from '../limits/rate-limit.js'
import { answerRaw, type Refusal } from './answer-raw.js'
import { chooseDeflateOffer } from './deflate-offer.js'
import { badHandshake, handshakeRefusal, MALFORMED_EXTENSIONS, offeredSubprotocols, requestForWs } from './handshake.js'
import { Outbound, type OutboundLimits } from './outbound.js'
import type { OutboundTotal } from './outbound-total.js'
import { InboundRate } from './inbound-rate.js'
import { inTurns } from './in-turns.js'
import { PIECE_BYTES, ReadsInTurns } from './reads-in-turns.js'
import { type Connection, type ConnectionHandler, type Handshake, ITEM_COST_BYTES } from './transport.js'
import { type Turn, TurnTally } from './turn.js'
import { routeUpgrades, type UpgradeHandler } from './upgrade-router.js'

export type WebSocketLimits = {
  /** Largest frame (after reassembly) a client may send, in bytes; more closes with 1009. */
  readonly maxFrameBytes: number
  /** Fragments of one frame; more closes with 1008. */
  readonly maxFragments: number
} & OutboundLimits

export type InboundLimit = 'bytesPerSecond' | 'maxFrameBytes' | 'maxFragments'

/** Which limit it is that ws ended a connection for. */
const LIMIT_OF_ERROR: Readonly<Record<string, InboundLimit>> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 'maxFrameBytes',
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: 'maxFrameBytes',
  WS_ERR_TOO_MANY_BUFFERED_PARTS: 'maxFragments',
}

export interface WebSocketEndpoint {
  readonly path: string
  readonly limits: WebSocketLimits
  readonly turn: Turn
  /** What waits for all connections of the node. */
  readonly outboundTotal: OutboundTotal
  /** Bytes of one connection. */
  readonly inboundRate: Rate
  /** Bytes of all connections from an address of which is not known whose they are. */
  bytesFrom(remoteAddress: string): RateLimit
  /** A connection began to send more than `inboundRate`, or sent a frame that is too large or in too many fragments. */
  reached(limit: InboundLimit, connection: Connection): void
  /** Whether permessage-deflate is taken when a peer offers it. */
  readonly compression: boolean
  /** Subprotocols it speaks; an empty list takes none. */
  readonly codecs: readonly Codec[]
  /** undefined: let in. Otherwise the HTTP status and a sentence. */
  admit(
    request: IncomingMessage,
  ): { readonly status: number; readonly code: string; readonly message: string } | undefined
  /** Told of every handshake that is refused, before the answer is sent. */
  refused(request: IncomingMessage, refusal: { readonly code: string; readonly message: string }): void
  /** Where the client comes from, whatever the connection came through. */
  addressOf(request: IncomingMessage): string
  /** Whether limits per address leave its connection alone. */
  isExempt(request: IncomingMessage): boolean
  accept(connection: Connection): ConnectionHandler
  /** Once for each connection that was accepted: it is gone. */
  closed(connection: Connection): void
}

export const CODECS: readonly Codec[] = [jsonCodec, msgpackCodec]

/**
 * How long a peer may take for its part of the closing handshake; ws's own 30 seconds would let it hold a socket and a place.
 * Apart, because the types of ws do not have this option yet.
 */
const CLOSING = { closeTimeout: 5000 }

/** Closes by which a peer says that it will not come back: normal, going away, and one without a code. */
const GOODBYES: readonly number[] = [1000, 1001, 1005]

/**
 * Serves WebSockets on one path of an HTTP server that somebody else owns. Returns a function that stops it taking new
 * ones; open connections go on. Sockets for other paths are left to other listeners, or refused if there are none.
 * Throws when the path is taken.
 */
export const attachWebSockets = (server: HttpServer | HttpsServer, endpoint: WebSocketEndpoint): (() => void) => {
  const { limits, codecs, path } = endpoint
  const webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    autoPong: false,
    ...CLOSING,
    // Without context takeover a frame is compressed once for everybody, and no connection keeps a window.
    perMessageDeflate: endpoint.compression && { serverNoContextTakeover: true, clientNoContextTakeover: true },
    WebSocket: ServedWebSocket,
    maxPayload: limits.maxFrameBytes,
    maxFragments: limits.maxFragments,
    handleProtocols: (offered) => codecs.map((codec) => codec.subprotocol).find((name) => offered.has(name)) ?? false,
  })

  const turnAway = (request: IncomingMessage, socket: Duplex, refusal: Refusal): void => {
    endpoint.refused(request, refusal)
    answerRaw(socket, refusal, request.method)
  }
  webSockets.on('wsClientError', ({ message }, socket, request) =>
    turnAway(request, socket, badHandshake(`the handshake is not valid: ${message}`)),
  )

  const readInTurn = (): QueueReads => inTurns(endpoint.turn, (reads: ReadsInTurns) => reads.read())
  const queues: ReadQueues = { strangers: readInTurn(), floods: readInTurn() }
  const handle: UpgradeHandler = inTurns(endpoint.turn, (request, socket, head) => {
    const refusal = endpoint.admit(request) ?? handshakeRefusal(request)
    if (refusal !== undefined) return turnAway(request, socket, refusal)
    const offered = offeredSubprotocols(request)
    const codec = offered.length === 0 ? jsonCodec : codecs.find(({ subprotocol }) => offered.includes(subprotocol))
    if (codec === undefined && codecs.length > 0) {
      const names = codecs.map(({ subprotocol }) => subprotocol).join(', ')
      return turnAway(request, socket, {
        ...{ status: 400, code: 'unsupported-subprotocol', message: `this server speaks ${names}` },
      })
    }
    const offer = endpoint.compression
      ? chooseDeflateOffer(request.headers['sec-websocket-extensions'] ?? '')
      : undefined
    if (offer === 'malformed') return turnAway(request, socket, MALFORMED_EXTENSIONS)
    webSockets.handleUpgrade(requestForWs(request, offer), socket, head, (webSocket) => {
      const parts = { codec: codec ?? jsonCodec, isDeflated: offer?.takesFullWindow === true }
      connect(webSocket, new WebSocketConnection(webSocket, request, parts, endpoint, queues), endpoint)
    })
  })

  return routeUpgrades(server, { path, handle, refuse: turnAway })
}

/**
 * Thousands of idle connections must cost little: the listeners are the same functions for all of them, and nothing of
 * the upgrade stays behind in a closure.
 */
class ServedWebSocket extends WebSocket {
  connection: WebSocketConnection | undefined

  /** Also when the peer began, or sent what is no frame. */
  override close(code?: number, reason?: string | Buffer): void {
    this.connection?.closing()
    super.close(code, reason)
  }
}

const connectionOf = (webSocket: WebSocket): WebSocketConnection | undefined =>
  webSocket instanceof ServedWebSocket ? webSocket.connection : undefined

const CONNECTION = Symbol('connection')

type ServedSocket = Socket & { [CONNECTION]?: WebSocketConnection }

const connect = (webSocket: ServedWebSocket, connection: WebSocketConnection, endpoint: WebSocketEndpoint): void => {
  webSocket.connection = connection
  connection.handler = endpoint.accept(connection)
  webSocket.on('message', onMessage).on('ping', onPing).on('pong', onPong).on('close', onClose)
  webSocket.on('error', onError)
}

/** ws closes the connection with the right code itself; without a listener the error would be thrown. */
function onError(this: WebSocket, error: Error & { readonly code?: string }): void {
  const limit = LIMIT_OF_ERROR[error.code ?? '']
  const connection = connectionOf(this)
  if (limit !== undefined) connection?.reached(limit)
  connection?.handler?.broken(error.message)
}

function onMessage(this: WebSocket, data: RawData, isBinary: boolean): void {
  const connection = connectionOf(this)
  connection?.spend((data as Buffer).length + ITEM_COST_BYTES)
  connection?.handler?.frame(data as Buffer, !isBinary)
}

function onData(this: ServedSocket, chunk: Buffer): void {
  this[CONNECTION]?.arrived(chunk.length)
}

function onPing(this: WebSocket, payload: Buffer): void {
  const connection = connectionOf(this)
  connection?.handler?.controlFrame?.()
  connection?.spend(payload.length + ITEM_COST_BYTES)
  const outbound = connection?.outbound
  // Pings of a peer that does not read are not answered: pongs must not pile up.
  if (outbound?.isFull === false) outbound.pong(payload)
}

function onPong(this: WebSocket, payload: Buffer): void {
  const connection = connectionOf(this)
  connection?.handler?.controlFrame?.()
  connection?.spend(payload.length + ITEM_COST_BYTES)
  connection?.outbound.ponged(payload)
}

function onClose(this: WebSocket, code: number): void {
  const connection = connectionOf(this)
  connection?.outbound.end()
  connection?.handler?.closed(GOODBYES.includes(code))
  connection?.closed()
}

/** ws writes to it what it reads, and it is full while frames are inflated. ws shows it to nobody. */
interface Receiver extends Writable {
  /** Read, and not made out yet. */
  _buffers: Buffer[]
}

const receiverOf = (webSocket: WebSocket): Receiver => (webSocket as unknown as { _receiver: Receiver })._receiver

const MAX_ORIGIN_LENGTH = 256

/** A copy when it is cut: a slice would keep all of it in memory. */
const shortOrigin = ({ headers: { origin } }: IncomingMessage): string | undefined =>
  origin === undefined || origin.length <= MAX_ORIGIN_LENGTH
    ? origin
    : Buffer.from(origin.slice(0, MAX_ORIGIN_LENGTH)).toString()

type QueueReads = (reads: ReadsInTurns) => void

/** Where connections wait to be read from; apart, so that a crowd of strangers does not hold up who is known. */
interface ReadQueues {
  readonly strangers: QueueReads
  readonly floods: QueueReads
}

/** Who sends more in one turn of the event loop is read from in turns from then on. */
const FLOOD_BYTES = 2 * PIECE_BYTES

class WebSocketConnection implements Connection {
  handler: ConnectionHandler | undefined
  handshake: Handshake
  readonly codec: Codec
  readonly isDeflated: boolean
  readonly outbound: Outbound
  readonly #webSocket: WebSocket
  readonly #socket: Socket
  readonly #endpoint: WebSocketEndpoint
  readonly #inbound: InboundRate
  readonly #queues: ReadQueues
  /** Until it is known whose it is, and once it has flooded. */
  #reads: ReadsInTurns | undefined
  #pauses = 0
  readonly #arrivedBytes = new TurnTally()

  constructor(
    webSocket: WebSocket,
    request: IncomingMessage,
    { codec, isDeflated }: { readonly codec: Codec; readonly isDeflated: boolean },
    endpoint: WebSocketEndpoint,
    queues: ReadQueues,
  ) {
    this.handshake = {
      headers: request.headers,
      url: request.url ?? '/',
      remoteAddress: endpoint.addressOf(request),
      isExempt: endpoint.isExempt(request),
      origin: shortOrigin(request),
    }
    this.codec = codec
    this.isDeflated = isDeflated
    this.#webSocket = webSocket
    this.#socket = request.socket
    this.#endpoint = endpoint
    this.#queues = queues
    this.#reads = new ReadsInTurns(request.socket, receiverOf(webSocket), queues.strangers)
    this.#inbound = new InboundRate(endpoint.inboundRate, endpoint.bytesFrom(this.handshake.remoteAddress))
    const { turn, limits, outboundTotal } = endpoint
    this.outbound = new Outbound(request.socket, webSocket, codec, turn, limits, outboundTotal)
    const socket: ServedSocket = request.socket
    socket[CONNECTION] = this
    socket.on('data', onData)
  }

  get bytesReceived(): number {
    return this.#socket.bytesRead
  }

  get bytesTaken(): number {
    return this.#socket.bytesWritten - this.#socket.writableLength
  }

  get isPaused(): boolean {
    return this.#pauses > 0
  }

  known(bytes?: RateLimit): void {
    if (bytes !== undefined) this.#inbound.shared = bytes
    this.handshake = { ...this.handshake, headers: NO_HEADERS }
    if (this.#reads === undefined) return
    this.#reads.end()
    this.#reads = undefined
    // Node lets a socket flow when its last `readable` listener leaves, though it be paused.
    process.nextTick(() => {
      if (this.isPaused) this.#webSocket.pause()
    })
  }

  /**
   * The closing handshake began: what comes now matters to ws alone, and is read even if it was paused. Who is read from in
   * turns ends in turn too.
   */
  closing(): void {
    this.outbound.closing()
    this.#socket.off('data', onData)
    this.#reads?.resume()
    const receiver = receiverOf(this.#webSocket)
    // After what is no frame ws would keep the 64 KiB that were read with it until the connection is collected.
    if (receiver.errored !== null) receiver._buffers = []
  }

  ping(): void {
    this.outbound.ping()
  }

  spend(bytes: number): void {
    this.#inbound.spend(bytes, this)
  }

  /** libuv reads a socket that has more up to 32 times in one turn, 2 MiB: in which nobody else would be heard. */
  arrived(bytes: number): void {
    if (this.#reads !== undefined) return
    if (this.#arrivedBytes.add(this.#endpoint.turn, bytes) < FLOOD_BYTES) return
    this.#reads = new ReadsInTurns(this.#socket, receiverOf(this.#webSocket), this.#queues.floods)
    // What arrived may have paused the connection before it turned out to be a flood.
    if (this.isPaused) this.#reads.pause()
  }

  throttled(): void {
    this.reached('bytesPerSecond')
  }

  reached(limit: InboundLimit): void {
    this.#endpoint.reached(limit, this)
  }

  pause(): void {
    this.#pauses += 1
    if (this.#pauses > 1) return
    this.#reads?.pause()
    this.#webSocket.pause()
  }

  resume(): void {
    this.#pauses -= 1
    if (this.#pauses > 0) return
    this.#reads?.resume()
    this.#webSocket.resume()
  }

  close(code: number, reason: string): void {
    this.outbound.end()
    this.#webSocket.close(code, reason)
  }

  terminate(): void {
    this.#webSocket.terminate()
  }

  closed(): void {
    this.#inbound.end()
    this.#endpoint.closed(this)
  }
}

const NO_HEADERS: Handshake['headers'] = Object.freeze({})
