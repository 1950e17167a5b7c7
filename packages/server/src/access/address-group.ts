import { isIPv4 } from 'node:net'

const MAPPED = '::ffff:'
const GROUPS = 8
/** A /64: what one customer gets, and can take a new address of for every connection. */
const NETWORK_GROUPS = 4

/** Whose an address is, as far as a limit can tell: an IPv4 address, or the /64 of an IPv6 one. */
export const addressGroup = (address: string): string => {
  const plain = address.startsWith(MAPPED) ? address.slice(MAPPED.length) : address
  if (isIPv4(plain)) return plain
  const sides = (address.split('%')[0] ?? '').split('::').map((side) => side.split(':').filter((group) => group !== ''))
  const [head = [], tail = []] = sides
  const zeros = Array.from({ length: Math.max(0, GROUPS - head.length - tail.length) }, () => '0')
  const groups = [...head, ...zeros, ...tail]
  const network = groups.slice(0, NETWORK_GROUPS).map((group) => Number.parseInt(group, 16).toString(16))
  return `${network.join(':')}::/64`
}

export const isLoopbackAddress = (address: string): boolean =>
  address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.')
