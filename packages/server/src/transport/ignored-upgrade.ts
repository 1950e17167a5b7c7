import type { IncomingMessage, Server as HttpServer } from 'node:http'
import { Server as HttpsServer } from 'node:https'
import type { Duplex } from 'node:stream'
import { answerRaw, type Refusal } from './answer-raw.js'

const MAX_BODY_BYTES = 65_536

const BODY: Refusal = {
  status: 400,
  code: 'bad-request',
  message:
    `only upgrades to websocket are served; a request that asks for another one may have a body of at most ` +
    `${MAX_BODY_BYTES} bytes by Content-Length: send it without the Upgrade header`,
}

const returned = new WeakSet<object>()

/** Whether the socket of a server's event `connection` is one that the server has had before. */
export const isReturned = (socket: object): boolean => returned.has(socket)

const tokensOf = (list: string): readonly string[] => list.split(',').map((token) => token.trim())

/** Whether a request asks for a WebSocket, perhaps among other protocols. A request of HTTP/1.0 asks for no upgrade. */
export const asksForWebSocket = ({ headers, httpVersion }: IncomingMessage): boolean =>
  httpVersion !== '1.0' && tokensOf(headers.upgrade ?? '').some((token) => token.toLowerCase() === 'websocket')

/**
 * Serves a request as if it had not asked for an upgrade: to HTTP/2 in clear text, as Java's client does with its first
 * one, or to whatever this server does not speak (RFC 9110, section 7.8). Node has taken its HTTP parser off the socket
 * for good, so the socket is given back to the server as a new connection that begins with the same request. A body that is
 * long, or of a length not told, is refused.
 */
export const ignoreUpgrade = (
  server: HttpServer | HttpsServer,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void => {
  const { 'transfer-encoding': encoding, 'content-length': length = '0' } = request.headers
  if (encoding !== undefined || Number(length) > MAX_BODY_BYTES) {
    answerRaw(socket, BODY)
    return
  }
  // In this turn others put back what they have read ahead, and Node decides whether the socket flows.
  setImmediate(() => {
    if (socket.destroyed) return
    socket.unshift(Buffer.concat([withoutUpgrade(request), head]))
    returned.add(socket)
    server.emit(server instanceof HttpsServer ? 'secureConnection' : 'connection', socket)
  })
}

const withoutUpgrade = ({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer => {
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const [name = '', value = ''] = rawHeaders.slice(index, index + 2)
    const lower = name.toLowerCase()
    if (lower === 'upgrade') continue
    const kept = lower === 'connection' ? tokensOf(value).filter((token) => token.toLowerCase() !== 'upgrade') : [value]
    if (kept.length > 0) lines.push(`${name}: ${kept.join(', ')}`)
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
}
