import type { IncomingMessage } from 'node:http'
import { isLoopbackAddress } from './address-group.js'
import type { ForwardingHeader, IsTrustedProxy } from './client-address.js'
import { type Origin, parseOrigin } from './origin.js'
import { isServedOverTls } from './served-over-tls.js'

export interface HandshakeRefusal {
  readonly status: number
  readonly code: string
  readonly message: string
}

const FORWARDING_HEADERS = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip', 'via']
const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]']

const hostName = (host: string): string => host.replace(/:\d+$/, '').toLowerCase()

/**
 * Decides whether a page of the handshake's Origin may connect. Browsers send the page's Origin with every WebSocket and let any
 * page open one to any host, so a page of another host is refused unless its origin is listed. A page that came over plain http
 * is refused where the server is known to be reached over TLS, because anybody on the way to the browser can have written it.
 * The reverse is allowed: a page of https is no danger to a plain server, browsers forbid it themselves, and an inner proxy may
 * call a connection http that began as https. A page whose host is not among `hosts` is refused too: somebody may have pointed
 * a name of their own at this server. A client that sends no Origin is not a browser.
 */
const originRefusal = (
  request: IncomingMessage,
  { origins, hosts, isTrustedProxy, proxyHeader }: AdmissionRules,
): HandshakeRefusal | undefined => {
  const { origin, host } = request.headers
  if (origin === undefined) return undefined
  const page = parseOrigin(origin)
  if (page === undefined) return FOREIGN_HOST
  if (origins.includes(page.text)) return undefined
  if (!isOwnHost(page, host)) return FOREIGN_HOST
  if (hosts !== undefined && !hosts.includes(page.hostname)) return STRANGE_HOST
  return page.scheme === 'https' || !isServedOverTls(request, isTrustedProxy, proxyHeader) ? undefined : PLAIN_PAGE
}

/** A server that speaks HTTP has pages of http and https only, however an app's own scheme names its host. */
const isOwnHost = ({ scheme, text }: Origin, host: string | undefined): boolean =>
  host !== undefined && (scheme === 'http' || scheme === 'https') && parseOrigin(`${scheme}://${host}`)?.text === text

const FOREIGN_HOST: HandshakeRefusal = {
  status: 403,
  code: 'foreign-origin',
  message: 'pages of this Origin may not connect',
}
const STRANGE_HOST: HandshakeRefusal = {
  status: 403,
  code: 'foreign-origin',
  message: 'pages of this Origin may not connect: its host is not one of this server’s',
}
const PLAIN_PAGE: HandshakeRefusal = {
  status: 403,
  code: 'foreign-origin',
  message: 'pages of this Origin may not connect: they came without TLS to a server that has it',
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

export interface AdmissionRules {
  readonly dev: boolean
  /** As `parseOrigin` spells them. */
  readonly origins: readonly string[]
  readonly hosts: readonly string[] | undefined
  readonly isTrustedProxy: IsTrustedProxy
  readonly proxyHeader: ForwardingHeader
}

/** Decides on a handshake before it becomes a connection; undefined lets it in. */
export const admitHandshake = (request: IncomingMessage, rules: AdmissionRules): HandshakeRefusal | undefined =>
  (rules.dev ? devRefusal(request) : undefined) ?? originRefusal(request, rules)
