import { randomBytes } from 'node:crypto'
import type { LocalNode } from '@tidings/testing'
import { describe, expect, test } from 'vitest'
import { type App, connect, LoggedLines } from '../node.fixture.js'
import type { TokenKey, TokenOptions } from '../options.js'
import {
  ADDRESS,
  allowing,
  ed25519,
  forged,
  inSeconds,
  newRsa,
  p256,
  rsa,
  SECRET,
  startWithTokens,
  token,
  type TokenParts,
} from './token.fixture.js'

const keys: readonly TokenKey[] = [
  { id: 'hs', secret: SECRET },
  { id: 'rs', publicKey: rsa.publicKey },
  { id: 'es', publicKey: p256.publicKey.export({ format: 'jwk' }) },
  { id: 'ed', publicKey: ed25519.publicKey.export({ format: 'pem', type: 'spki' }).toString() },
]

const signing: Readonly<Record<string, TokenParts>> = {
  HS256: { algorithm: 'HS256', key: SECRET, header: { kid: 'hs' } },
  RS256: { algorithm: 'RS256', key: rsa.privateKey, header: { kid: 'rs' } },
  ES256: { algorithm: 'ES256', key: p256.privateKey, header: { kid: 'es' } },
  EdDSA: { algorithm: 'EdDSA', key: ed25519.privateKey, header: { kid: 'ed' } },
}

/** What a client hears of its token: `connected`, or the refusal. Anybody who is refused is told 4501. */
const answerTo = async (node: LocalNode<App>, text: string | undefined): Promise<string> => {
  const client = await connect(node, { token: false })
  client.send({ type: 'connect', id: 1, ...(text === undefined ? undefined : { token: text }) })
  const reply = await client.find((item) => 'id' in item && item.id === 1)
  if (reply.type !== 'error') return reply.type
  expect(reply).toMatchObject({ code: 'unauthorized', retryable: false })
  expect(await client.closed).toEqual({ code: 4501, reason: 'unauthorized' })
  return reply.message
}

describe('a token', () => {
  test.each(Object.keys(signing))('of %s makes its sub the user', async (algorithm) => {
    const node = await startWithTokens({ tokens: { keys } })
    for (const header of [signing[algorithm]?.header ?? {}, { kid: undefined }]) {
      const client = await connect(node, { token: await token({}, { ...signing[algorithm], header }) })
      expect(await client.next('connected')).toMatchObject({ user: 'ann' })
    }
  })

  test('may come in the header Authorization; the command’s own goes first', async () => {
    const node = await startWithTokens()
    const userOf = async (authorization: string, own?: string): Promise<unknown> => {
      const headers = { authorization }
      const client = await connect(node, { headers, ...(own === undefined ? undefined : { token: own }) })
      return (await client.find(() => true)).type === 'error' ? 'refused' : (await client.next('connected')).user
    }
    const ann = await token()
    expect(await userOf(`Bearer ${ann}`)).toBe('ann')
    expect(await userOf(`bearer  ${ann}`)).toBe('ann')
    expect(await userOf(`Bearer ${ann}`, await token({ sub: 'bob' }))).toBe('bob')
    expect(await userOf(`Bearer ${ann}`, 'nonsense')).toBe('refused')
    for (const other of [`Basic ${ann}`, `Bearer ${ann} x`, 'Bearer', ann]) expect(await userOf(other)).toBe('refused')
  })

  test('is never taken from the address', async () => {
    const node = await startWithTokens()
    const client = await connect({ url: `${node.url}?token=${await token()}` }, {})
    expect(client.received[0]).toMatchObject({ code: 'unauthorized', message: 'a token is needed' })
  })

  test('that is missing makes nobody of a client where that is configured', async () => {
    const node = await startWithTokens({ tokens: { keys, anonymous: true } })
    expect(await (await connect(node)).next('connected')).toMatchObject({ user: null })
    expect(await answerTo(node, 'nonsense')).toBe('the token is no signed JWT')
  })

  test('is checked before authenticate, which gets its claims and decides', async () => {
    const seen: unknown[] = []
    const node = await startWithTokens({
      authenticate: ({ claims, token: text }) => {
        seen.push([claims?.sub, typeof text])
        return claims === undefined ? { id: 'cookie' } : { id: `id-of-${String(claims.sub)}` }
      },
    })
    expect(await (await connect(node)).next('connected')).toMatchObject({ user: 'cookie' })
    const client = await connect(node, { token: await token() })
    expect(await client.next('connected')).toMatchObject({ user: 'id-of-ann' })
    expect(await answerTo(node, 'nonsense')).toBe('the token is no signed JWT')
    expect(seen).toEqual([
      [undefined, 'undefined'],
      ['ann', 'string'],
    ])
  })
})

describe('refused is a token', () => {
  const strangersRsa = newRsa()
  const rsaPem = Buffer.from(rsa.publicKey.export({ format: 'pem', type: 'spki' }))
  const claims = { sub: 'ann', exp: inSeconds(3600) }
  const missing = 'a token is needed'
  const malformed = 'the token is no signed JWT'
  const algorithm = 'the token’s algorithm is not one of the keys here'
  const signature = 'the token’s signature does not hold'
  const unknownKey = 'the token’s key is not known here'
  const early = 'the token is not valid yet'
  const audience = 'the token is for another audience'
  const issuer = 'the token is of another issuer'
  const subject = 'the token’s sub is no user id: a text of 1 to 128 characters'
  const permissions = 'the token’s claim tidings cannot be read'
  const lifetime = 'the token has no end, or one that is too far away'

  const cases: readonly (readonly [string, () => Promise<string | undefined> | string | undefined, string])[] = [
    ['that is missing', () => undefined, missing],
    ['that is none', () => 'nonsense', malformed],
    ['of dots', () => '..', malformed],
    ['of five parts', () => 'e30.e30.e30.e30.e30', malformed],
    ['whose header is no object', () => forged('none', claims), malformed],
    ['whose header names a prototype', () => forged({ alg: '__proto__' }, claims), algorithm],
    ['without an algorithm', () => forged({ typ: 'JWT' }, claims), algorithm],
    ['with the algorithm none', () => forged({ alg: 'none' }, claims), algorithm],
    ['with the algorithm None', () => forged({ alg: 'None' }, claims), algorithm],
    ['with no signature', () => forged({ alg: 'HS256' }, claims), signature],
    ['signed with the RSA key’s public text as an HMAC secret', () => token({}, { key: rsaPem }), signature],
    [
      'that names the RSA key and signs with its public text',
      () => token({}, { key: rsaPem, header: { kid: 'rs' } }),
      unknownKey,
    ],
    ['of a longer HMAC', () => token({}, { algorithm: 'HS512', key: randomBytes(64) }), algorithm],
    ['of another RSA scheme', () => token({}, { algorithm: 'PS256', key: rsa.privateKey }), algorithm],
    ['of another secret', () => token({}, { key: randomBytes(32) }), signature],
    ['of another key with a known kid', () => token({}, { ...signing.RS256, key: strangersRsa.privateKey }), signature],
    ['of one key that names another', () => token({}, { ...signing.HS256, header: { kid: 'rs' } }), unknownKey],
    [
      'that brings its own key',
      () => {
        const jwk = strangersRsa.publicKey.export({ format: 'jwk' })
        return token({}, { algorithm: 'RS256', key: strangersRsa.privateKey, header: { jwk } })
      },
      signature,
    ],
    ['whose kid is a path', () => token({}, { ...signing.RS256, header: { kid: '../../../../dev/null' } }), unknownKey],
    ['whose kid is a prototype', () => token({}, { ...signing.RS256, header: { kid: '__proto__' } }), unknownKey],
    ['whose kid is a command', () => token({}, { ...signing.RS256, header: { kid: "x' or 1=1" } }), unknownKey],
    ['that has expired', () => token({ iat: inSeconds(-3600), exp: inSeconds(-60) }), 'the token has expired'],
    ['whose exp is a text', () => token({ exp: '2999' }), malformed],
    ['that is not valid yet', () => token({ nbf: inSeconds(60) }), early],
    ['of the future', () => token({ iat: inSeconds(60) }), `${early}: its iat lies in the future`],
    ['without an end', () => token({ exp: undefined }), `${lifetime}: it has no exp`],
    ['without an end in sight', () => token({ exp: 1e300 }), `${lifetime}: it holds for longer than maxLifetimeMs`],
    ['for another audience', () => token({ aud: 'shop' }), audience],
    ['for no audience', () => token({ aud: undefined }), audience],
    ['of another issuer', () => token({ iss: 'https://evil.example' }), issuer],
    ['of no issuer', () => token({ iss: undefined }), issuer],
    ['without a sub', () => token({ sub: undefined }), subject],
    ['with an empty sub', () => token({ sub: '' }), subject],
    ['with a sub that is too long', () => token({ sub: 'a'.repeat(129) }), subject],
    ['with half a character as its sub', () => token({ sub: '\ud800' }), subject],
    ['with a number as its sub', () => token({ sub: 5 }), subject],
    [
      'with no permissions in its claim',
      () => token({ tidings: {} }),
      `${permissions}: it must have allow and nothing else`,
    ],
    ['with a list for its claim', () => token({ tidings: [] }), `${permissions}: it must be an object`],
    ['with a claim of more', () => token({ tidings: { allow: {}, deny: {} } }), `${permissions}: it must have allow`],
    ['with a pattern that is none', () => token(allowing({ 'chat:{': [] })), `${permissions}: its allow has a pattern`],
    ['with a star for a pattern', () => token(allowing({ 'chat:*': [] })), `${permissions}: its allow has a pattern`],
    ['with an unknown action', () => token(allowing({ a: ['read'] })), `${permissions}: its allow must have lists`],
    [
      'with an action of the prototype',
      () => token(allowing({ a: ['toString'] })),
      `${permissions}: its allow must have`,
    ],
    [
      'with a text for actions',
      () => token({ tidings: { allow: { a: 'publish' } } }),
      `${permissions}: its allow must`,
    ],
  ]

  test.each(cases)('%s', async (_name, make, sentence) => {
    const logger = new LoggedLines()
    const tokens: TokenOptions = { keys, audience: [ADDRESS.aud, 'other'], issuer: ADDRESS.iss }
    const node = await startWithTokens({ tokens, logger })
    const text = await make()
    expect(await answerTo(node, text)).toContain(sentence)
    expect(logger.lines).toMatchObject([
      { level: 'info', text: 'a client was refused', fields: { remoteAddress: '127.0.0.1' } },
    ])
    if (text !== undefined) expect(JSON.stringify(logger.lines)).not.toContain(text)
    expect(await answerTo(node, await token())).toBe('connected')
  })
})
