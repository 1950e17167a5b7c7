import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { devRefusal, type Tidings } from '@tidings/server'
import { CommandError, EXIT, sentenceOf, systemCode } from '../exit.js'
import { HEALTH_PATH, WEBSOCKET_PATH } from './paths.js'
import { pathOf, type ServePages } from './pages.js'

export interface HttpParts {
  readonly tidings: Pick<Tidings, 'respondHealth'>
  readonly servePages: ServePages
  readonly dev: boolean
  readonly echo: string | undefined
}

export interface HttpTimeouts {
  readonly headersTimeout: number
  readonly requestTimeout: number
  readonly keepAliveTimeout: number
  /** How often the first two are looked at. */
  readonly connectionsCheckingInterval: number
}

const TIMEOUTS: HttpTimeouts = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 5000,
  connectionsCheckingInterval: 2000,
}

/** The HTTP server with health and pages; WebSockets are attached to it by others. It does not listen yet. */
export const createHttpServer = (parts: HttpParts, timeouts = TIMEOUTS): Server => {
  const server = createServer(timeouts, (request, response) => {
    response.setHeader('x-content-type-options', 'nosniff')
    try {
      answer(parts, request, response)
    } catch {
      // A file that changed between two looks at it: the next request may find it.
      if (response.headersSent) response.destroy()
      else respond(response, 500, 'internal', 'this cannot be served now')
    }
  })
  server.on('clientError', (error, socket) => {
    const [status, text] = CLIENT_ERRORS[systemCode(error) ?? ''] ?? [400, 'Bad Request']
    endWith(socket, status, text)
  })
  return server
}

const CLIENT_ERRORS: Readonly<Record<string, readonly [number, string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout'],
}

/** The last words on a connection; a peer that does not take them is cut off. */
const endWith = (socket: Duplex, status: number, text: string): void => {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  socket.end(`HTTP/1.1 ${status} ${text}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`, () => socket.destroy())
}

const answer = (parts: HttpParts, request: IncomingMessage, response: ServerResponse): void => {
  const { tidings, servePages, dev, echo } = parts
  const path = pathOf(request.url ?? '/')
  const refusal = dev ? devRefusal(request) : undefined
  const notFound = (): void => respond(response, 404, 'not-found', 'there is nothing on this path')
  if (refusal !== undefined) {
    respond(response, refusal.status, refusal.code, refusal.message)
  } else if (path === WEBSOCKET_PATH || path === echo) {
    response.setHeader('upgrade', 'websocket')
    respond(response, 426, 'upgrade-required', 'this address speaks WebSocket')
  } else if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    respond(response, 405, 'method-not-allowed', 'only GET and HEAD are served here')
  } else if (path === HEALTH_PATH) {
    tidings.respondHealth(request, response)
  } else if (!servePages(request, response, notFound)) {
    notFound()
  }
}

const respond = (response: ServerResponse, status: number, code: string, message: string): void => {
  const body = `${JSON.stringify({ code, message })}\n`
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  })
  response.end(response.req.method === 'HEAD' ? undefined : body)
}

/** Resolves with the port that was bound; rejects with CommandError that says what to do. */
export const listen = (server: Server, host: string, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', (error) => reject(new CommandError(EXIT.failure, listenProblem(error, host, port))))
    server.listen({ host, port }, () => resolve((server.address() as AddressInfo).port))
  })

/** Why a server cannot listen, and what to do. */
export const listenProblem = (error: Error, host: string, port: number): string => {
  switch (systemCode(error)) {
    case 'EADDRINUSE':
      return `Port ${port} on ${host} is in use: stop the program that has it, or choose another with --port.`
    case 'EACCES':
      return `Port ${port} needs privileges: choose one from 1024 up with --port.`
    case 'EADDRNOTAVAIL':
      return `This machine has no address ${host}: choose another with --host (0.0.0.0 stands for all).`
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `There is no host named ${host}: choose another with --host.`
    default:
      return `The server cannot listen on port ${port} of ${host}: ${sentenceOf(error)}.`
  }
}

/** Lets go of the port, and of every connection that is not a WebSocket. */
export const closeHttpServer = (server: Server): void => {
  server.close()
  server.closeAllConnections()
}
