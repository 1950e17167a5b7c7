import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Duplex } from 'node:stream'
import { answerRaw, type Refusal } from '../transport/answer-raw.js'
import { respondJson } from './respond-json.js'

const NOT_HTTP: Refusal = { status: 400, code: 'bad-request', message: 'this is not a valid request of HTTP/1.1' }

/** By the code of the error that Node's HTTP server gives. */
const REFUSALS: Readonly<Record<string, Refusal>> = {
  HPE_HEADER_OVERFLOW: {
    status: 431,
    code: 'headers-too-large',
    message: 'the request line and the headers are over 16 KiB: send fewer or shorter cookies and headers',
  },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: {
    status: 413,
    code: 'payload-too-large',
    message: 'the extensions of a chunk are over 16 KiB',
  },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, code: 'request-timeout', message: 'the request did not come in time' },
}

const NO_TUNNELS: Refusal = {
  status: 405,
  code: 'method-not-allowed',
  message: 'this server is no proxy: CONNECT is not served',
  headers: { Allow: 'GET, HEAD' },
}

/**
 * Answers with JSON `{ code, message }`, as all refusals are answered, what Node's HTTP server answers without a body or not at
 * all: bytes that are not HTTP, are too many or too slow, CONNECT, and expectations that are not known. For a server that
 * has no listeners of its own for `clientError`, `connect` and `checkExpectation`.
 */
export const answerBadRequests = (server: HttpServer | HttpsServer): void => {
  server.on('clientError', (error: Error & { readonly code?: string }, socket: Duplex) =>
    answerRaw(socket, REFUSALS[error.code ?? ''] ?? NOT_HTTP),
  )
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
    socket.on('error', () => socket.destroy())
    answerRaw(socket, NO_TUNNELS)
  })
  server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) =>
    respondJson(response, 417, {
      code: 'unknown-expectation',
      message: 'of the header Expect only 100-continue is known here',
    }),
  )
}
