import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { connect, LoggedLines, start } from '../node.fixture.js'
import {
  canonicalAddress,
  clientAddress,
  FORWARDING_HEADERS,
  type ForwardingHeader,
  isExempt,
  type IsTrustedProxy,
  trustedProxyCheck,
} from './client-address.js'

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
    ['the proxy when only the other header came', '10.0.0.1', { forwarded: 'for=192.0.2.7' }, '10.0.0.1'],
    [
      'the believed one, whatever a client wrote into the other',
      '10.0.0.1',
      { 'x-forwarded-for': '192.0.2.7', forwarded: 'for=127.0.0.1' },
      '192.0.2.7',
    ],
    ['the believed one beside nonsense', '10.0.0.1', { 'x-forwarded-for': '192.0.2.7', forwarded: 'x' }, '192.0.2.7'],
    ['nothing where there is no address', undefined, { 'x-forwarded-for': '1.1.1.1' }, ''],
  ])('is %s', (_name, peer, headers, expected) => {
    expect(clientAddress(peer, headers, PROXIES)).toBe(expected)
  })

  test.each([
    ['what it says', 'for=1.1.1.1, FOR="192.0.2.7:80";proto=https;by=10.0.0.1', '192.0.2.7'],
    ['IPv6', 'proto=https; for="[2001:db8::7]:80"', '2001:db8::7'],
    ['the proxy for a hidden client', 'for=1.1.1.1, for=_secret', '10.0.0.1'],
    ['the proxy for IPv6 without brackets', 'for="2001:db8::7"', '10.0.0.1'],
    ['the proxy for an element with two', 'for=1.1.1.1;for=2.2.2.2', '10.0.0.1'],
    ['what the proxy said after an open quote', 'for=1.1.1.1;by=", for=192.0.2.7', '192.0.2.7'],
    ['the proxy for nonsense', 'x', '10.0.0.1'],
    ['the proxy for nothing', '', '10.0.0.1'],
  ])('where Forwarded is believed is %s', (_name, forwarded, expected) => {
    for (const other of [{}, { 'x-forwarded-for': '127.0.0.1' }, { 'x-forwarded-for': 'x' }]) {
      expect(clientAddress('10.0.0.1', { forwarded, ...other }, PROXIES, 'forwarded')).toBe(expected)
    }
    expect(clientAddress('192.0.2.1', { forwarded }, PROXIES, 'forwarded')).toBe('192.0.2.1')
  })

  test('is never what a client wrote left of what a proxy appended', () => {
    const left = fc.oneof(fc.string(), fc.constantFrom('"', 'for="', '1.1.1.1', 'for=1.1.1.1', '[', '\\"', ';', ','))
    fc.assert(
      fc.property(left, (text) => {
        const headers = { 'x-forwarded-for': `${text}, 192.0.2.7`, forwarded: `${text}, for=192.0.2.8` }
        expect(clientAddress('10.0.0.1', headers, PROXIES)).toBe('192.0.2.7')
        expect(clientAddress('10.0.0.1', headers, PROXIES, 'forwarded')).toBe('192.0.2.8')
      }),
    )
  })

  test('is always an address, whatever the header is', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^[\d.:a-f[\]"=;, for]*$/))
    fc.assert(
      fc.property(text, text, (forwardedFor, forwarded) => {
        for (const header of FORWARDING_HEADERS) {
          const address = clientAddress('10.0.0.1', { 'x-forwarded-for': forwardedFor, forwarded }, PROXIES, header)
          expect(canonicalAddress(address)).toBe(address)
        }
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

test('a connection is exempt from limits per address when it comes from this machine and from no trusted proxy', () => {
  const cases = ['127.0.0.1', '127.9.9.9', '::ffff:127.0.0.1', '::1', '192.0.2.1', '', undefined]
  const trustsSome = trusting('127.0.0.1', '192.0.2.1')
  expect(cases.map((address) => isExempt(address, trusting()))).toEqual([true, true, true, true, false, false, false])
  expect(cases.map((address) => isExempt(address, trustsSome))).toEqual([false, true, false, true, false, false, false])
})

describe('behind a trusted proxy on this machine', () => {
  const LIMIT = 3
  const PROXY: readonly (readonly [string, Readonly<Record<string, string>>, string, ForwardingHeader])[] = [
    [
      'a Forwarded of its own that is nonsense',
      { 'x-forwarded-for': '192.0.2.7', forwarded: 'x' },
      '192.0.2.7',
      'x-forwarded-for',
    ],
    [
      'a Forwarded of its own',
      { 'x-forwarded-for': '192.0.2.7', forwarded: 'for=127.0.0.1' },
      '192.0.2.7',
      'x-forwarded-for',
    ],
    ['no address', {}, '127.0.0.1', 'x-forwarded-for'],
    ['only the other header', { forwarded: 'for=127.0.0.5' }, '127.0.0.1', 'x-forwarded-for'],
    ['a hidden address', { 'x-forwarded-for': 'unknown' }, '127.0.0.1', 'x-forwarded-for'],
    ['an empty header', { 'x-forwarded-for': '' }, '127.0.0.1', 'x-forwarded-for'],
    ['the proxy’s own address', { 'x-forwarded-for': '127.0.0.1' }, '127.0.0.1', 'x-forwarded-for'],
    ['another address of this machine', { 'x-forwarded-for': '::ffff:127.0.0.9' }, '127.0.0.9', 'x-forwarded-for'],
    [
      'an X-Forwarded-For of its own',
      { forwarded: 'for=192.0.2.7', 'x-forwarded-for': '127.0.0.9' },
      '192.0.2.7',
      'forwarded',
    ],
    ['a Forwarded that is nonsense', { forwarded: 'x', 'x-forwarded-for': '127.0.0.9' }, '127.0.0.1', 'forwarded'],
  ]

  test.each(PROXY)('a client with %s is counted like any other', async (_name, headers, expected, header) => {
    const seen: string[] = []
    const node = await start({
      limits: { maxConnectionsPerAddress: LIMIT },
      trustedProxies: header === 'forwarded' ? { addresses: ['127.0.0.1'], header } : ['127.0.0.1'],
      authenticate: ({ remoteAddress }) => {
        seen.push(remoteAddress)
        return null
      },
      logger: new LoggedLines(),
    })
    for (let times = 0; times < LIMIT; times++) await connect(node, { headers })
    await expect(connect(node, { headers })).rejects.toThrow('429')
    expect(new Set(seen)).toEqual(new Set([expected]))
  })

  test('the operator is warned once of each header that is not believed, and once of one that is missing', async () => {
    const logger = new LoggedLines()
    const node = await start({ trustedProxies: ['127.0.0.1'], logger })
    const fine = { 'x-forwarded-for': '192.0.2.7', 'x-forwarded-proto': 'https' }
    await connect(node, { headers: fine })
    expect(logger.lines).toEqual([])
    for (let times = 0; times < 2; times++) {
      await connect(node, { headers: { ...fine, forwarded: 'for=1.1.1.1' } })
      await connect(node)
    }
    expect(logger.lines).toEqual([
      {
        level: 'warn',
        text: expect.stringContaining('not believed') as string,
        fields: { header: 'forwarded', believed: 'x-forwarded-for', proxy: '127.0.0.1' },
      },
      {
        level: 'warn',
        text: expect.stringContaining('does not say where its client comes from') as string,
        fields: { header: 'x-forwarded-for', proxy: '127.0.0.1' },
      },
    ])
  })
})
