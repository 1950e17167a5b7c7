import { isRecord } from '@tidings/protocol'
import { OptionsError } from '../options-error.js'
import { FORWARDING_HEADERS, type ForwardingHeader, type IsTrustedProxy, trustedProxyCheck } from './client-address.js'

export interface ProxyTrust {
  readonly isTrustedProxy: IsTrustedProxy
  /** The one header in which a trusted proxy is believed. */
  readonly proxyHeader: ForwardingHeader
}

const RULE = 'trustedProxies must be a list of addresses such as 10.0.0.0/8, or { addresses, header }'
const KEYS = ['addresses', 'header']

/** Throws OptionsError with the path of what is wrong. */
export const checkProxies = (given: unknown, dev: boolean): ProxyTrust => {
  const { addresses, header = 'x-forwarded-for', ...more } = isRecord(given) ? given : { addresses: given }
  const extra = Object.keys(more)[0]
  if (extra !== undefined) {
    throw new OptionsError(`trustedProxies.${extra} is not an option; options here are ${KEYS.join(', ')}`)
  }
  if (!Array.isArray(addresses) || !addresses.every((entry) => typeof entry === 'string')) throw new OptionsError(RULE)
  if (dev && addresses.length > 0) {
    throw new OptionsError('trustedProxies and dev exclude each other: the dev profile refuses forwarded requests')
  }
  const proxyHeader = FORWARDING_HEADERS.find((name) => name === String(header).toLowerCase())
  if (proxyHeader === undefined) {
    throw new OptionsError(`trustedProxies.header must be ${FORWARDING_HEADERS.join(' or ')}`)
  }
  const isTrustedProxy = trustedProxyCheck(addresses)
  if (typeof isTrustedProxy === 'string') {
    throw new OptionsError(
      `trustedProxies has '${isTrustedProxy}', which is no address and no range such as 10.0.0.0/8`,
    )
  }
  return { isTrustedProxy, proxyHeader }
}
