import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'

/** Why a request is refused: the status of HTTP, and what the JSON of the answer says. */
export interface Refusal {
  readonly status: number
  readonly code: string
  readonly message: string
  /** `Connection: close` is added. */
  readonly headers?: { readonly Connection?: string; readonly [name: string]: string | undefined }
}

/** A peer that goes on sending does not lose the answer: a socket that is closed with bytes unread is reset. */
const LINGER_MS = 1000
/** Read meanwhile, and thrown away. */
const LINGER_BYTES = 262_144

/**
 * Answers a request of this method on its socket, for which HTTP has no response any more or none yet, and ends the connection. A peer
 * that does not close its side keeps the socket for a second.
 */
export const answerRaw = (socket: Duplex, { status, code, message, headers = {} }: Refusal, method?: string): void => {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const body = `${JSON.stringify({ code, message })}\n`
  const fields = {
    ...headers,
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    Connection: [headers.Connection, 'close'].filter((name) => name !== undefined).join(', '),
  }
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`)
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}`, ...lines].join('\r\n')
  socket.end(`${head}\r\n\r\n${method === 'HEAD' ? '' : body}`)
  linger(socket)
}

const linger = (socket: Duplex): void => {
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref()
  socket.once('close', () => clearTimeout(timer))
  let bytes = 0
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > LINGER_BYTES) socket.pause()
  })
  socket.resume()
}
