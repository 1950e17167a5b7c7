import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { connect, start } from '../node.fixture.js'
import { canonicalAddress, clientAddress, type IsTrustedProxy, trustedProxyCheck } from './client-address.js'

const trusting = (...entries: readonly string[]): IsTrustedProxy => {
  const check = trustedProxyCheck(entries)
  if (typeof check === 'string') throw new Error(`${check} is no entry`)
  return check
}

const PROXIES = trusting('10.0.0.0/8', '::1', '2001:db8:aa00::/39')

describe('the client’s address', () => {
  test.each([
    ['the connection without a header', '10.0.0.1', {}, '10.0.0.1'],
    [
      'the connection of a stranger',
      '192.0.2.1',
      { 'x-forwarded-for': '1.1.1.1', forwarded: 'for=1.1.1.1' },
      '192.0.2.1',
    ],
    ['what a proxy says', '10.0.0.1', { 'x-forwarded-for': '192.0.2.7' }, '192.0.2.7'],
    ['the rightmost that is no proxy', '10.0.0.1', { 'x-forwarded-for': '1.1.1.1, 192.0.2.7, 10.9.9.9' }, '192.0.2.7'],
    ['the leftmost if all are proxies', '10.0.0.1', { 'x-forwarded-for': '10.3.3.3,10.2.2.2' }, '10.3.3.3'],
    [
      'the last proxy before a malformed one',
      '10.0.0.1',
      { 'x-forwarded-for': '1.1.1.1, unknown, 10.2.2.2' },
      '10.2.2.2',
    ],
    ['the proxy if all is malformed', '10.0.0.1', { 'x-forwarded-for': ', ,' }, '10.0.0.1'],
    ['the proxy if the header is empty', '10.0.0.1', { 'x-forwarded-for': '' }, '10.0.0.1'],
    ['an address with its port', '10.0.0.1', { 'x-forwarded-for': '192.0.2.7:5000' }, '192.0.2.7'],
    ['IPv6', '::1', { 'x-forwarded-for': '2001:DB8::0:7' }, '2001:db8::7'],
    ['IPv6 in brackets with its port', '::1', { 'x-forwarded-for': '[2001:db8::7]:5000' }, '2001:db8::7'],
    ['IPv4 within IPv6 on both sides', '::ffff:10.0.0.1', { 'x-forwarded-for': '::ffff:192.0.2.7' }, '192.0.2.7'],
    ['a stranger’s connection in one spelling', '::FFFF:192.0.2.7', {}, '192.0.2.7'],
    [
      'what is next to a range that ends within a byte',
      '2001:db8:abff::1',
      { 'x-forwarded-for': '1.1.1.1' },
      '1.1.1.1',
    ],
    ['what is just out of that range', '2001:db8:ac00::1', { 'x-forwarded-for': '1.1.1.1' }, '2001:db8:ac00::1'],
    ['Forwarded', '10.0.0.1', { forwarded: 'for=1.1.1.1, FOR="192.0.2.7:80";proto=https;by=10.0.0.1' }, '192.0.2.7'],
    ['Forwarded with IPv6', '10.0.0.1', { forwarded: 'proto=https; for="[2001:db8::7]:80"' }, '2001:db8::7'],
    ['the proxy for a hidden one', '10.0.0.1', { forwarded: 'for=1.1.1.1, for=_secret' }, '10.0.0.1'],
    ['the proxy for IPv6 without brackets', '10.0.0.1', { forwarded: 'for="2001:db8::7"' }, '10.0.0.1'],
    ['the proxy for an element with two', '10.0.0.1', { forwarded: 'for=1.1.1.1;for=2.2.2.2' }, '10.0.0.1'],
    [
      'what the proxy said after an open quote',
      '10.0.0.1',
      { forwarded: 'for=1.1.1.1;by=", for=192.0.2.7' },
      '192.0.2.7',
    ],
    [
      'the proxy when the headers differ',
      '10.0.0.1',
      { 'x-forwarded-for': '192.0.2.7', forwarded: 'for=1.1.1.1' },
      '10.0.0.1',
    ],
    ['what both headers say', '10.0.0.1', { 'x-forwarded-for': '192.0.2.7', forwarded: 'for=192.0.2.7' }, '192.0.2.7'],
    ['nothing where there is no address', undefined, { 'x-forwarded-for': '1.1.1.1' }, ''],
  ])('is %s', (_name, peer, headers, expected) => {
    expect(clientAddress(peer, headers, PROXIES)).toBe(expected)
  })

  test('is never what a client wrote left of what a proxy appended', () => {
    const left = fc.oneof(fc.string(), fc.constantFrom('"', 'for="', '1.1.1.1', 'for=1.1.1.1', '[', '\\"', ';', ','))
    fc.assert(
      fc.property(left, (text) => {
        const headers = [{ 'x-forwarded-for': `${text}, 192.0.2.7` }, { forwarded: `${text}, for=192.0.2.7` }]
        for (const header of headers) expect(clientAddress('10.0.0.1', header, PROXIES)).toBe('192.0.2.7')
      }),
    )
  })

  test('is always an address, whatever the header is', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^[\d.:a-f[\]"=;, for]*$/))
    fc.assert(
      fc.property(text, text, (forwardedFor, forwarded) => {
        const address = clientAddress('10.0.0.1', { 'x-forwarded-for': forwardedFor, forwarded }, PROXIES)
        expect(canonicalAddress(address)).toBe(address)
      }),
    )
  })
})

describe('a range', () => {
  test.each([
    '',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '::/129',
    '::ffff:10.0.0.0/104',
    'localhost',
    '10.0.0',
    '10.0.0.0/-1',
  ])('is not %j', (entry) => {
    expect(trustedProxyCheck(['10.0.0.1', entry])).toBe(entry)
  })

  test('has the addresses that share its prefix, and no others', () => {
    const number = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n })
    const text = (value: bigint): string =>
      value
        .toString(16)
        .padStart(32, '0')
        .replace(/(.{4})(?=.)/g, '$1:')
    fc.assert(
      fc.property(number, fc.integer({ min: 0, max: 128 }), fc.integer({ min: 0, max: 127 }), (base, prefix, bit) => {
        fc.pre(base >> 32n !== 0xffffn)
        const other = canonicalAddress(text(base ^ (1n << BigInt(bit)))) ?? ''
        fc.pre(other.includes(':'))
        expect(trusting(`${text(base)}/${prefix}`)(other)).toBe(bit < 128 - prefix)
      }),
    )
  })
})

test('a node believes the proxies it was told of, and tells authenticate', async () => {
  const seen: string[] = []
  const authenticate = ({ remoteAddress }: { remoteAddress: string }) => {
    seen.push(remoteAddress)
    return null
  }
  const headers = { 'x-forwarded-for': '1.1.1.1, 192.0.2.7' }
  for (const trustedProxies of [['127.0.0.1'], ['192.0.2.0/24'], undefined]) {
    const node = await start({ authenticate, ...(trustedProxies && { trustedProxies }) })
    await connect(node, { headers })
  }
  expect(seen).toEqual(['192.0.2.7', '127.0.0.1', '127.0.0.1'])
})
