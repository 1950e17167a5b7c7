import { BlockList, isIP, SocketAddress } from 'node:net'
import { isLoopbackAddress } from './address-group.js'
import { forwardedParameter } from './forwarded.js'

/** Says whether a proxy at this address is believed. The address must be one that `canonicalAddress` gave. */
export type IsTrustedProxy = (address: string) => boolean

const family = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 4 ? 'ipv4' : 'ipv6')

/**
 * One spelling for one address, so that lists and limits meet it: IPv6 in its short form, an IPv4 address within IPv6 as IPv4,
 * without a zone. undefined: it is none.
 */
export const canonicalAddress = (text: string): string | undefined => {
  const version = isIP(text)
  if (version === 0) return undefined
  if (version === 4) return text // It has one spelling only, and this runs for every connection.
  const { address } = new SocketAddress({ address: text, family: 'ipv6' })
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address
}

/** From addresses and ranges such as `10.0.0.0/8` and `::1`. Gives the first entry that is neither, as a string. */
export const trustedProxyCheck = (entries: readonly string[]): IsTrustedProxy | string => {
  const list = new BlockList()
  for (const entry of entries) {
    const [base = '', prefix, ...more] = entry.split('/')
    const address = canonicalAddress(base)
    if (address === undefined || more.length > 0) return entry
    if (prefix === undefined) {
      list.addAddress(address, family(address))
    } else {
      // A range within ::ffff:0:0/96 would be another one as IPv4.
      const bits = family(base) === 'ipv4' ? 32 : 128
      if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > bits || family(address) !== family(base)) return entry
      list.addSubnet(address, Number(prefix), family(address))
    }
  }
  return entries.length === 0 ? () => false : (address) => list.check(address, family(address))
}

/** A header in which proxies say where a client comes from. A node believes one of them. */
export type ForwardingHeader = 'x-forwarded-for' | 'forwarded'

export const FORWARDING_HEADERS: readonly ForwardingHeader[] = ['x-forwarded-for', 'forwarded']

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

/**
 * Gives the address of a client: the connection's, or, when a trusted proxy has that, the one in the believed header. '' if there is
 * no address. A proxy whose header is missing or malformed counts as the client itself. Never throws.
 */
export const clientAddress = (
  remoteAddress: string | undefined,
  headers: Headers,
  isTrusted: IsTrustedProxy,
  header: ForwardingHeader = 'x-forwarded-for',
): string => {
  const peer = canonicalAddress(remoteAddress ?? '')
  if (peer === undefined || !isTrusted(peer)) return peer ?? ''
  return forwardedAddress(headers, isTrusted, header) ?? peer
}

/**
 * Whether limits per address leave this connection alone: it comes from this machine, and from no proxy. Whoever comes through a
 * proxy is counted, whatever address the proxy says or fails to say.
 */
export const isExempt = (remoteAddress: string | undefined, isTrusted: IsTrustedProxy): boolean => {
  const peer = canonicalAddress(remoteAddress ?? '')
  return peer !== undefined && isLoopbackAddress(peer) && !isTrusted(peer)
}

/**
 * Reads the believed header of a trusted proxy: the rightmost address that is no trusted proxy's, because anybody can have written
 * what stands left of it. At a malformed entry the last proxy before it is the answer. undefined: the header is missing, or its
 * last entry is malformed.
 */
export const forwardedAddress = (
  headers: Headers,
  isTrusted: IsTrustedProxy,
  header: ForwardingHeader,
): string | undefined => {
  const parse = header === 'forwarded' ? forwardedHost : hostOf
  let last: string | undefined
  for (const hop of String(headers[header] ?? '')
    .split(',')
    .reverse()) {
    const address = parse(hop.trim())
    if (address === undefined) return last
    last = address
    if (!isTrusted(address)) return address
  }
  return last
}

/** `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`. */
const HOST = /^(?:\[(?<bracketed>[^\]]*)\](?::\d{1,5})?|(?<v4>[\d.]+):\d{1,5}|(?<plain>.*))$/

const hostOf = (text: string): string | undefined => {
  const { bracketed, v4, plain } = HOST.exec(text)?.groups ?? {}
  if (bracketed !== undefined && isIP(bracketed) !== 6) return undefined
  return canonicalAddress(bracketed ?? v4 ?? plain ?? '')
}

const forwardedHost = (element: string): string | undefined => {
  const host = forwardedParameter(element, 'for')
  // An IPv6 address must stand in brackets here, so that its last group is no port.
  return host === undefined || isIP(host) === 6 ? undefined : hostOf(host)
}
