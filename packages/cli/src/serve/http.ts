import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import type { AddressInfo, Server as NetServer } from 'node:net'
import type { SecureContextOptions } from 'node:tls'
import { answerBadRequests, checkRequest, devRefusal, type Tidings } from '@tidings/server'
import { CommandError, EXIT, sentenceOf, systemCode } from '../exit.js'
import { hstsFor } from './hsts.js'
import { HEALTH_PATH, REVOCATIONS_PATH, WEBSOCKET_PATH } from './paths.js'
import { pathOf, type ServePages } from './pages.js'

export interface HttpParts {
  readonly health: Pick<Tidings, 'respondHealth'>
  readonly revocations: Pick<Tidings, 'respondRevocation'>
  readonly servePages: ServePages
  readonly dev: boolean
  readonly echo: string | undefined
  /** Whether browsers are told to come over TLS only from now on. */
  readonly hsts: boolean
}

export interface HttpTimeouts {
  readonly headersTimeout: number
  readonly requestTimeout: number
  readonly keepAliveTimeout: number
  /** How often the first two are looked at. */
  readonly connectionsCheckingInterval: number
}

export const HTTP_TIMEOUTS: HttpTimeouts = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 5000,
  connectionsCheckingInterval: 2000,
}

/** The HTTP server with health, revocations and pages; WebSockets are attached to it by others. It does not listen yet. */
export const createHttpServer = (parts: HttpParts, timeouts = HTTP_TIMEOUTS): Server => {
  const server = createServer({ ...timeouts, ...OWN_CHECKS }, listenerOf(parts))
  answerBadRequests(server)
  return server
}

/** The same over TLS; `setSecureContext` renews its certificate. */
export const createTlsServer = (
  parts: HttpParts,
  context: SecureContextOptions,
  timeouts = HTTP_TIMEOUTS,
): HttpsServer => {
  const options = { ...timeouts, ...OWN_CHECKS, ...context, handshakeTimeout: timeouts.headersTimeout }
  const server = createHttpsServer(options, listenerOf(parts))
  answerBadRequests(server)
  // A handshake that failed or took too long: there is nothing that the peer could read.
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  return server
}

const listenerOf =
  (parts: HttpParts): RequestListener =>
  (request, response) => {
    response.setHeader('x-content-type-options', 'nosniff')
    const hsts = parts.hsts ? hstsFor(request.headers.host) : undefined
    if (hsts !== undefined) response.setHeader('strict-transport-security', hsts)
    try {
      answer(parts, request, response)
    } catch {
      // A file that changed between two looks at it: the next request may find it.
      if (response.headersSent) response.destroy()
      else respond(response, 500, 'internal', 'this cannot be served now')
    }
  }

/** Node would answer a request without a Host by itself, without saying why; `checkRequest` does. */
export const OWN_CHECKS = { requireHostHeader: false }

const answer = (parts: HttpParts, request: IncomingMessage, response: ServerResponse): void => {
  const { health, revocations, servePages, dev, echo } = parts
  const refusal = checkRequest(request) ?? (dev ? devRefusal(request) : undefined)
  const path = pathOf(request.url ?? '/')
  const notFound = (): void => respond(response, 404, 'not-found', 'there is nothing on this path')
  const unavailable = (): void => respond(response, 503, 'unavailable', 'this cannot be served now')
  if (refusal !== undefined) {
    respond(response, refusal.status, refusal.code, refusal.message)
  } else if (path === WEBSOCKET_PATH || path === echo) {
    response.setHeader('upgrade', 'websocket')
    response.setHeader('connection', response.shouldKeepAlive ? 'Upgrade' : 'Upgrade, close')
    respond(response, 426, 'upgrade-required', 'this address speaks WebSocket')
  } else if (path === REVOCATIONS_PATH) {
    revocations.respondRevocation(request, response)
  } else if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    respond(response, 405, 'method-not-allowed', 'only GET and HEAD are served here')
  } else if (path === HEALTH_PATH) {
    health.respondHealth(request, response)
  } else if (!servePages(request, response, { notFound, unavailable })) {
    notFound()
  }
}

export const respond = (response: ServerResponse, status: number, code: string, message: string): void => {
  const body = `${JSON.stringify({ code, message })}\n`
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  })
  response.end(response.req.method === 'HEAD' ? undefined : body)
}

/**
 * Connections that may wait to be accepted, as far as the kernel lets it (`net.core.somaxconn`): when thousands come back at
 * once, one that finds no place is tried again a second later. Node's own is 511.
 */
const BACKLOG = 16_384

/** The option that names a port: sentences about it say what to change. */
export type PortOption = '--port' | '--redirect-from'

/** Resolves with the port that was bound; rejects with CommandError that says what to do. */
export const listen = (server: NetServer, host: string, port: number, option: PortOption = '--port'): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', (error) => reject(new CommandError(EXIT.failure, listenProblem(error, host, port, option))))
    server.listen({ host, port, backlog: BACKLOG }, () => resolve((server.address() as AddressInfo).port))
  })

/** Why a server cannot listen, and what to do. */
export const listenProblem = (error: Error, host: string, port: number, option: PortOption = '--port'): string => {
  switch (systemCode(error)) {
    case 'EADDRINUSE':
      return `Port ${port} on ${host} is in use: stop the program that has it, or choose another with ${option}.`
    case 'EACCES':
      return (
        `Port ${port} needs privileges: choose one from 1024 up with ${option}, put a proxy in front, or allow it ` +
        '(AmbientCapabilities=CAP_NET_BIND_SERVICE in a systemd unit, or setcap cap_net_bind_service=+ep on the node program).'
      )
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
export const closeHttpServer = (server: Server | HttpsServer): void => {
  server.close()
  server.closeAllConnections()
}
