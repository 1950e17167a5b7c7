import type { IncomingMessage } from 'node:http'
import { isLoopbackAddress } from './address-group.js'

export interface HandshakeRefusal {
  readonly status: number
  readonly code: string
  readonly message: string
}

const FORWARDING_HEADERS = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip', 'via']
const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]']

const hostName = (host: string): string => host.replace(/:\d+$/, '').toLowerCase()

const originHost = (origin: string): string | undefined => (URL.canParse(origin) ? new URL(origin).host : undefined)

/**
 * Whether a handshake's Origin may connect. Browsers send the page's Origin with every WebSocket and let any page open one
 * to any host, so a page of another host is refused unless it is listed. No Origin: not a browser.
 */
const originRefusal = (request: IncomingMessage, origins: readonly string[]): HandshakeRefusal | undefined => {
  const { origin, host } = request.headers
  if (origin === undefined) return undefined
  const ownHost = host !== undefined && originHost(origin) === host.toLowerCase()
  if (ownHost || origins.includes(origin)) return undefined
  return { status: 403, code: 'foreign-origin', message: 'pages of this Origin may not connect' }
}

/** The dev profile trusts whoever reaches it, so it must be reached from this machine, by this machine's name, directly. */
export const devRefusal = (request: IncomingMessage): HandshakeRefusal | undefined => {
  const forwarded = FORWARDING_HEADERS.find((name) => request.headers[name] !== undefined)
  if (forwarded !== undefined) {
    return { status: 403, code: 'dev-forwarded', message: `the dev profile refuses forwarded requests (${forwarded})` }
  }
  if (!isLoopbackAddress(request.socket.remoteAddress ?? '')) {
    return { status: 403, code: 'dev-remote', message: 'the dev profile serves this machine only' }
  }
  if (!LOOPBACK_NAMES.includes(hostName(request.headers.host ?? ''))) {
    return { status: 403, code: 'dev-foreign-host', message: 'the dev profile serves localhost and 127.0.0.1 only' }
  }
  return undefined
}

/** Decides on a handshake before it becomes a connection; undefined lets it in. */
export const admitHandshake = (
  request: IncomingMessage,
  rules: { readonly dev: boolean; readonly origins: readonly string[] },
): HandshakeRefusal | undefined =>
  (rules.dev ? devRefusal(request) : undefined) ?? originRefusal(request, rules.origins)
