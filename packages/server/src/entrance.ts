import type { IncomingMessage, Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Codec } from '@tidings/protocol'
import { admitHandshake, type HandshakeRefusal } from './access/admission.js'
import type { ProxyTrust } from './access/check-proxies.js'
import { clientAddress, isExempt } from './access/client-address.js'
import type { ConnectionLimits } from './access/connection-limits.js'
import { addressGroup } from './access/address-group.js'
import type { HealthStatus } from './http/health.js'
import type { Account } from './limits/account.js'
import type { Accounts } from './limits/accounts.js'
import type { ForwardingWarnings } from './observe/forwarding-warnings.js'
import type { LimitReached } from './observe/limits-reached.js'
import type { Observer } from './observe/observer.js'
import type { ResolvedOptions } from './options-check.js'
import { OutboundTotal } from './transport/outbound-total.js'
import type { Connection, ConnectionHandler } from './transport/transport.js'
import type { Turn } from './transport/turn.js'
import { attachWebSockets, type WebSocketLimits } from './transport/websocket-transport.js'

export interface EntranceParts {
  readonly options: Pick<ResolvedOptions, 'limits' | 'dev' | 'origins' | 'hosts' | 'compression' | keyof ProxyTrust>
  readonly status: () => HealthStatus
  readonly connections: ConnectionLimits
  readonly accounts: Accounts
  readonly turn: Turn
  readonly monotonic: () => number
  readonly reached: LimitReached
  readonly observer: Pick<Observer, 'refused'>
  readonly forwarding: Pick<ForwardingWarnings, 'look'>
}

export interface Served {
  readonly path: string
  readonly codecs: readonly Codec[]
  readonly limits: WebSocketLimits
  readonly accept: (connection: Connection) => ConnectionHandler
}

const TOO_MANY_HANDSHAKES: HandshakeRefusal = {
  status: 429,
  code: 'rate-limited',
  message: 'too many handshakes came from your address; try again later',
}

/** Where connections come in: it decides on handshakes, counts, and takes nobody while the node does not serve. */
export class Entrance {
  readonly #parts: EntranceParts
  readonly #outboundTotal: OutboundTotal

  constructor(parts: EntranceParts) {
    this.#parts = parts
    this.#outboundTotal = new OutboundTotal(parts.options.limits.maxOutboundBytes, () =>
      parts.reached('maxOutboundBytes'),
    )
  }

  /** Where a client comes from, whatever it came through. */
  readonly addressOf = ({ socket, headers }: IncomingMessage): string => {
    const { isTrustedProxy, proxyHeader } = this.#parts.options
    return clientAddress(socket.remoteAddress, headers, isTrustedProxy, proxyHeader)
  }

  readonly #isExempt = ({ socket }: IncomingMessage): boolean =>
    isExempt(socket.remoteAddress, this.#parts.options.isTrustedProxy)

  /** Takes WebSockets on a path of the server until the returned function is called. */
  open(server: HttpServer | HttpsServer, { accept, ...served }: Served): () => void {
    const { options, connections, turn, monotonic, reached, observer } = this.#parts
    const { compression, limits } = options
    return attachWebSockets(server, {
      ...served,
      ...{ turn, outboundTotal: this.#outboundTotal, compression, admit: this.#admit },
      ...{ addressOf: this.addressOf, isExempt: this.#isExempt },
      accept: (connection) => {
        connections.opened(connection.handshake)
        this.#accountOf(connection.handshake.remoteAddress).holders += 1
        return accept(connection)
      },
      inboundRate: { perSecond: limits.bytesPerSecond, burst: limits.bytesBurst, monotonic },
      reached: (limit, { handshake }) => reached(limit, handshake.remoteAddress),
      bytesFrom: (remoteAddress) => this.#accountOf(remoteAddress).bytes,
      closed: ({ handshake }) => {
        connections.closed(handshake)
        this.#accountOf(handshake.remoteAddress).holders -= 1
      },
      refused: (request, { code, message: why }) => {
        const { origin } = request.headers
        observer.refused({ code, why, remoteAddress: this.addressOf(request), origin })
      },
    })
  }

  readonly #accountOf = (address: string): Account => this.#parts.accounts.ofAddress(addressGroup(address))

  readonly #admit = (request: IncomingMessage): HandshakeRefusal | undefined => {
    const { options, status, connections, reached, forwarding } = this.#parts
    forwarding.look(request)
    if (status() !== 'ok') return { status: 503, code: 'unavailable', message: `this node is ${status()}` }
    const refusal = admitHandshake(request, options)
    const remoteAddress = this.addressOf(request)
    if (refusal?.code === 'foreign-origin') reached('origins', remoteAddress)
    const full = refusal ?? connections.refusal({ remoteAddress, isExempt: this.#isExempt(request) })
    if (full !== undefined || this.#accountOf(remoteAddress).connects.take()) return full
    reached('handshakesPerSecond', remoteAddress)
    return TOO_MANY_HANDSHAKES
  }
}
