import { type IncomingMessage, Server as HttpServer, type ServerResponse } from 'node:http'
import { Server as HttpsServer } from 'node:https'
import type { Server as NetServer, Socket } from 'node:net'
import { addressGroup, isLoopbackAddress } from '../access/address-group.js'
import { canonicalAddress, type IsTrustedProxy } from '../access/client-address.js'
import { KeyedRates } from '../limits/keyed-rates.js'
import type { LimitReached } from '../observe/limits-reached.js'
import type { Observer } from '../observe/observer.js'
import type { Limits } from '../options.js'
import { answerRaw, type Refusal } from '../transport/answer-raw.js'
import { inTurns } from '../transport/in-turns.js'
import type { Turn } from '../transport/turn.js'
import { PacedRequests, type PacedRequestsParts } from './paced-requests.js'

export interface PaceRequestsParts {
  readonly limits: Pick<Limits, 'requestsPerSecond' | 'requestBurst'>
  readonly isTrustedProxy: IsTrustedProxy
  readonly turn: Turn
  readonly monotonic: () => number
  readonly reached: LimitReached
  readonly observer: Pick<Observer, 'refused'>
}

const TOO_MANY: Refusal = {
  status: 429,
  code: 'rate-limited',
  message: 'your address sends more requests than one may: wait a second',
  headers: { 'Retry-After': '1' },
}

/**
 * Paces the requests of HTTP and HTTPS servers: one in flight for each connection, a turn of the event loop between two of
 * them, and a rate for each address. Handshakes of WebSockets are requests too. Returns what does it for a server; it
 * leaves servers of other protocols alone.
 */
export const paceRequests = (parts: PaceRequestsParts): ((server: NetServer) => void) => {
  const { limits, isTrustedProxy, turn, monotonic, reached, observer } = parts
  const rates = new KeyedRates({ perSecond: limits.requestsPerSecond, burst: limits.requestBurst, monotonic })
  const paced = new WeakMap<Socket, PacedRequests>()
  const perSocket: PacedRequestsParts = {
    queue: inTurns(turn, (requests: PacedRequests) => requests.handOver()),
    admit: (socket, wasWaiting) => {
      const address = canonicalAddress(socket.remoteAddress ?? '') ?? ''
      // Everybody who comes through a proxy has its address. A proxy never sends a request before the last one is answered.
      if (!wasWaiting && (isLoopbackAddress(address) || isTrustedProxy(address))) return true
      if (rates.take(addressGroup(address))) return true
      reached('requestsPerSecond', address)
      observer.refused({ code: TOO_MANY.code, why: TOO_MANY.message, remoteAddress: address })
      answerRaw(socket, TOO_MANY)
      return false
    },
    ended: (socket) => paced.delete(socket),
  }
  const opened = (socket: Socket): void => {
    const requests = socket.destroyed ? undefined : PacedRequests.of(socket, perSocket)
    if (requests !== undefined) paced.set(socket, requests)
  }
  return (server) => {
    if (!(server instanceof HttpServer || server instanceof HttpsServer)) return
    server.on(server instanceof HttpsServer ? 'secureConnection' : 'connection', opened)
    const began = (request: IncomingMessage, response: ServerResponse): void =>
      paced.get(request.socket)?.began(request, response)
    server.prependListener('request', began)
  }
}
