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
 * a name of their own at this server. The dev profile also takes pages of this machine from any port, such as a bundler's: its own
 * Host is a name of this machine by then, and only a program on it can serve such a page. A client that sends no Origin is not a browser.
 */
const originRefusal = (
  request: IncomingMessage,
  { dev, origins, hosts, isTrustedProxy, proxyHeader }: AdmissionRules,
): HandshakeRefusal | undefined => {
  const { origin, host } = request.headers
  if (origin === undefined) return undefined
  const page = parseOrigin(origin)
  if (page === undefined) return NO_ORIGIN
  if (origins.includes(page.text)) return undefined
  if (!isOwnHost(page, host)) {
    if (!dev) return FOREIGN_HOST
    return isWebPage(page) && LOOPBACK_NAMES.includes(page.hostname) ? undefined : FOREIGN_TO_DEV
  }
  if (hosts !== undefined && !hosts.includes(page.hostname)) return STRANGE_HOST
  return page.scheme === 'https' || !isServedOverTls(request, isTrustedProxy, proxyHeader) ? undefined : PLAIN_PAGE
}

/** A server that speaks HTTP has pages of http and https only, however an app's own scheme names its host. */
const isWebPage = ({ scheme }: Origin): boolean => scheme === 'http' || scheme === 'https'

const isOwnHost = (page: Origin, host: string | undefined): boolean => {
  const asked = host === undefined || !isWebPage(page) ? undefined : parseOrigin(`${page.scheme}://${host}`)
  return asked !== undefined && oneLoopbackName(asked) === oneLoopbackName(page)
}

/** The names of a machine for itself stand for one: from `http://localhost:8080` a page may ask for `127.0.0.1:8080`. */
const oneLoopbackName = ({ text, scheme, host, hostname }: Origin): string =>
  LOOPBACK_NAMES.includes(hostname) ? `${scheme}://localhost${host.slice(hostname.length)}` : text

const NO_ORIGIN: HandshakeRefusal = {
  status: 403,
  code: 'foreign-origin',
  message:
    'pages without an origin of their own may not connect: serve the page from an address, and list that in origins',
}
const FOREIGN_HOST: HandshakeRefusal = {
  status: 403,
  code: 'foreign-origin',
  message:
    'pages of this Origin may not connect: it is not the Host that was asked for; if it should, list it in origins',
}
const FOREIGN_TO_DEV: HandshakeRefusal = {
  status: 403,
  code: 'foreign-origin',
  message: 'the dev profile takes pages of localhost, 127.0.0.1 and [::1] only, and those that are listed in origins',
}
const STRANGE_HOST: HandshakeRefusal = {
  status: 403,
  code: 'foreign-origin',
  message: 'pages of this Origin may not connect: its host is not one of this server’s; if it is, list it in hosts',
}
const PLAIN_PAGE: HandshakeRefusal = {
  status: 403,
  code: 'foreign-origin',
  message:
    'pages of this Origin may not connect: they came without TLS to a server that has it; if they should, list them in origins',
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
