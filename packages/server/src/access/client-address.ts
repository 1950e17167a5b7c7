import { BlockList, isIP, SocketAddress } from 'node:net'
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

/**
 * Where a client comes from: the address of the connection, or if a trusted proxy has that, the rightmost one in
 * `X-Forwarded-For` or `Forwarded` (RFC 7239) that is no trusted proxy's. What stands left of it anybody can have written.
 * What is malformed ends the way back: the last proxy before it is the answer. A proxy sets one header and may pass the
 * client's own other one on, so when both come and differ neither is believed. Never throws; '' if there is no address.
 */
export const clientAddress = (
  remoteAddress: string | undefined,
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  isTrusted: IsTrustedProxy,
): string => {
  const peer = canonicalAddress(remoteAddress ?? '')
  if (peer === undefined || !isTrusted(peer)) return peer ?? ''
  const { 'x-forwarded-for': forwardedFor, forwarded } = headers
  const answers = [
    ...(forwardedFor === undefined ? [] : [wayBack(peer, String(forwardedFor), hostOf, isTrusted)]),
    ...(forwarded === undefined ? [] : [wayBack(peer, String(forwarded), forwardedHost, isTrusted)]),
  ]
  const [answer = peer] = answers
  return answers.every((other) => other === answer) ? answer : peer
}

const wayBack = (
  peer: string,
  header: string,
  parse: (hop: string) => string | undefined,
  isTrusted: IsTrustedProxy,
): string => {
  let last = peer
  for (const hop of header.split(',').reverse()) {
    const address = parse(hop.trim())
    if (address === undefined) return last
    if (!isTrusted(address)) return address
    last = address
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
