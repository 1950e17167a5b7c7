import type { IncomingMessage } from 'node:http'
import type { ProxyTrust } from '../access/check-proxies.js'
import { canonicalAddress, forwardedAddress } from '../access/client-address.js'
import type { Logger } from './logger.js'

/** Headers that say where a client comes from, or how. */
const FORWARDING = ['x-forwarded-for', 'x-forwarded-proto', 'forwarded']
const READ = { 'x-forwarded-for': ['x-forwarded-for', 'x-forwarded-proto'], forwarded: ['forwarded'] } as const

/**
 * Warns the operator of trusted proxies that are not set up as the node expects: one that says nothing in the believed header, and
 * one that passes on another header, which a client may have written. Each once, because clients cause it.
 */
export class ForwardingWarnings {
  readonly #trust: ProxyTrust
  readonly #logger: Logger
  readonly #told = new Set<string>()

  constructor(trust: ProxyTrust, logger: Logger) {
    this.#trust = trust
    this.#logger = logger
  }

  look({ headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>): void {
    const { isTrustedProxy, proxyHeader: believed } = this.#trust
    const proxy = canonicalAddress(socket.remoteAddress ?? '')
    if (proxy === undefined || !isTrustedProxy(proxy)) return
    if (forwardedAddress(headers, isTrustedProxy, believed) === undefined) {
      this.#warn(
        'a trusted proxy does not say where its client comes from, so the proxy counts as the client: let it set the header',
        { header: believed, proxy },
      )
    }
    const read: readonly string[] = READ[believed]
    for (const header of FORWARDING) {
      if (read.includes(header) || headers[header] === undefined) continue
      this.#warn(
        'a trusted proxy passes on a header that is not believed: let it remove the header, or name it in trustedProxies',
        {
          ...{ header, believed, proxy },
        },
      )
    }
  }

  #warn(text: string, fields: { readonly header: string; readonly [name: string]: string }): void {
    const key = `${text} ${fields.header}`
    if (this.#told.has(key)) return
    this.#told.add(key)
    this.#logger.warn(text, fields)
  }
}
