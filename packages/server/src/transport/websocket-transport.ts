import type { IncomingMessage, Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import { type Codec, jsonCodec } from '@tidings/protocol'
import { msgpackCodec } from '@tidings/protocol/msgpack'
import { type WebSocket, WebSocketServer } from 'ws'
import { Outbound } from './outbound.js'
import type { Connection, ConnectionHandler, Handshake } from './transport.js'
import type { Turn } from './turn.js'
import { routeUpgrades, type UpgradeHandler } from './upgrade-router.js'

export interface WebSocketLimits {
  /** Largest frame (after reassembly) a client may send, in bytes; more closes with 1009. */
  readonly maxFrameBytes: number
  /** Fragments of one frame; more closes with 1008. */
  readonly maxFragments: number
  /** What may wait for a slow peer before its subscriptions stop being queued for. */
  readonly maxBufferedBytes: number
}

export interface WebSocketEndpoint {
  readonly path: string
  readonly limits: WebSocketLimits
  readonly turn: Turn
  /** Subprotocols it speaks; an empty list takes none. */
  readonly codecs: readonly Codec[]
  /** undefined: let in. Otherwise the HTTP status and a sentence. */
  admit(
    request: IncomingMessage,
  ): { readonly status: number; readonly code: string; readonly message: string } | undefined
  accept(connection: Connection): ConnectionHandler
}

export const CODECS: readonly Codec[] = [jsonCodec, msgpackCodec]

/** Closes by which a peer says that it will not come back: normal, going away, and one without a code. */
const GOODBYES: readonly number[] = [1000, 1001, 1005]

const STATUS_TEXT: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  503: 'Service Unavailable',
}

const refuse = (socket: Duplex, status: number, code: string, message: string): void => {
  const body = `${JSON.stringify({ code, message })}\n`
  // A peer that never closes its side must not keep the socket.
  socket.once('finish', () => socket.destroy())
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_TEXT[status] ?? 'Error'}\r\nContent-Type: application/json; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}

const offeredSubprotocols = (request: IncomingMessage): readonly string[] =>
  (request.headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')

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
    perMessageDeflate: false,
    maxPayload: limits.maxFrameBytes,
    maxFragments: limits.maxFragments,
    handleProtocols: (offered) => codecs.map((codec) => codec.subprotocol).find((name) => offered.has(name)) ?? false,
  })

  const upgrade: UpgradeHandler = (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    const refusal = endpoint.admit(request)
    if (refusal !== undefined) return refuse(socket, refusal.status, refusal.code, refusal.message)
    const offered = offeredSubprotocols(request)
    const codec = offered.length === 0 ? jsonCodec : codecs.find(({ subprotocol }) => offered.includes(subprotocol))
    if (codec === undefined && codecs.length > 0) {
      const names = codecs.map(({ subprotocol }) => subprotocol).join(', ')
      return refuse(socket, 400, 'unsupported-subprotocol', `this server speaks ${names}`)
    }
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      connect(webSocket, request, codec ?? jsonCodec, endpoint)
    })
  }

  return routeUpgrades(server, path, upgrade, (_request, socket) => {
    socket.on('error', () => socket.destroy())
    refuse(socket, 404, 'not-found', `no WebSocket is served on this path; try ${path}`)
  })
}

const connect = (webSocket: WebSocket, request: IncomingMessage, codec: Codec, endpoint: WebSocketEndpoint): void => {
  const connection = new WebSocketConnection(webSocket, request, codec, endpoint)
  const handler = endpoint.accept(connection)
  webSocket.on('message', (data, isBinary) => handler.frame(data as Buffer, !isBinary))
  webSocket.on('ping', (payload) => {
    // Pings of a peer that does not read are not answered: pongs must not pile up.
    if (!connection.outbound.isFull) connection.outbound.pong(payload)
  })
  webSocket.on('close', (code) => {
    connection.outbound.end()
    handler.closed(GOODBYES.includes(code))
  })
  // ws closes the connection with the right code itself; without a listener the error would be thrown.
  webSocket.on('error', () => undefined)
}

class WebSocketConnection implements Connection {
  readonly handshake: Handshake
  readonly codec: Codec
  readonly outbound: Outbound
  readonly #webSocket: WebSocket
  readonly #socket: Socket
  #pauses = 0

  constructor(webSocket: WebSocket, request: IncomingMessage, codec: Codec, endpoint: WebSocketEndpoint) {
    this.handshake = {
      headers: request.headers,
      url: request.url ?? '/',
      remoteAddress: request.socket.remoteAddress ?? '',
    }
    this.codec = codec
    this.#webSocket = webSocket
    this.#socket = request.socket
    this.outbound = new Outbound(request.socket, webSocket, codec, endpoint.turn, endpoint.limits.maxBufferedBytes)
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

  ping(): void {
    this.outbound.ping()
  }

  pause(): void {
    this.#pauses += 1
    if (this.#pauses === 1) this.#webSocket.pause()
  }

  resume(): void {
    this.#pauses -= 1
    if (this.#pauses === 0) this.#webSocket.resume()
  }

  close(code: number, reason: string): void {
    this.outbound.end()
    this.#webSocket.close(code, reason)
  }

  terminate(): void {
    this.#webSocket.terminate()
  }
}
