import type { KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { LocalNode } from '@tidings/testing'
import { expect, test } from 'vitest'
import { afterTest, type App, connect, latch, LoggedLines, until } from '../../node.fixture.js'
import { ADDRESS, MovedClock, newP256, p256, rsa, SECRET, startWithTokens, token } from '../token.fixture.js'

const COOLDOWN_MS = 10_000

const jwk = (key: KeyObject, kid?: string, more: object = {}): object => ({
  ...key.export({ format: 'jwk' }),
  ...(kid === undefined ? undefined : { kid }),
  ...more,
})

/** An issuer's address, which answers as the test says. Ends with it. */
class Issuer {
  requests = 0
  answer: (response: ServerResponse) => void
  readonly #server = createServer((_request, response) => {
    this.requests += 1
    this.answer(response)
  })

  constructor(keys: readonly object[]) {
    this.answer = () => undefined
    this.holds(keys)
  }

  holds(keys: readonly object[]): void {
    this.answer = (response) => void response.end(JSON.stringify({ keys }))
  }

  isAway(): void {
    this.answer = (response) => void response.writeHead(503).end()
  }

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    afterTest(() => {
      this.#server.closeAllConnections()
      this.#server.close()
    })
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/jwks`
  }
}

interface Scene {
  readonly node: LocalNode<App>
  readonly clock: MovedClock
  readonly logger: LoggedLines
}

const startWith = async (issuer: Issuer, keys: readonly { readonly secret: Uint8Array }[] = []): Promise<Scene> => {
  const clock = new MovedClock()
  const logger = new LoggedLines()
  const jwks = await issuer.start()
  const tokens = { jwks, audience: ADDRESS.aud, ...(keys.length > 0 && { keys }) }
  const node = await startWithTokens({ tokens, clock, logger })
  return { node, clock, logger }
}

const es = (kid: string | undefined, claims = {}, key = p256.privateKey) =>
  token(claims, { algorithm: 'ES256', key, header: kid === undefined ? {} : { kid } })

/** `connected`, or the error code and the close code. */
const answerTo = async (node: LocalNode<App>, text: string): Promise<string> => {
  const client = await connect(node, { token: text })
  const [reply] = client.received
  return reply?.type === 'error' ? `${reply.code} ${(await client.closed).code}` : String(reply?.type)
}

test('keys are fetched once for many tokens', async () => {
  const issuer = new Issuer([jwk(p256.publicKey, 'a'), jwk(rsa.publicKey, 'r')])
  const { node } = await startWith(issuer)
  const texts = await Promise.all([...Array(20).keys()].map((n) => es('a', { sub: `user-${n}` })))
  expect(new Set(await Promise.all(texts.map((text) => answerTo(node, text))))).toEqual(new Set(['connected']))
  const rs = await token({}, { algorithm: 'RS256', key: rsa.privateKey, header: { kid: 'r' } })
  expect(await answerTo(node, rs)).toBe('connected')
  expect(issuer.requests).toBe(1)
})

test('a key that is new at the address is found, at a bounded rate', async () => {
  const issuer = new Issuer([jwk(rsa.publicKey, 'r')])
  const { node, clock } = await startWith(issuer)
  await until(() => issuer.requests === 1)
  const text = await es('new')
  // It may be there by now, but it is too early to ask: the client is to try again.
  for (let tries = 0; tries < 5; tries++) expect(await answerTo(node, text)).toBe('internal 4004')
  expect(issuer.requests).toBe(1)
  issuer.holds([jwk(p256.publicKey, 'new')])
  clock.aheadMs = COOLDOWN_MS
  expect(await answerTo(node, text)).toBe('connected')
  clock.aheadMs = 2 * COOLDOWN_MS
  // Asked and not there: now it is known.
  expect(await answerTo(node, await es('nowhere'))).toBe('unauthorized 4501')
  expect(await answerTo(node, await es('nowhere'))).toBe('internal 4004')
  expect(issuer.requests).toBe(3)
})

test('an address that is away refuses nobody for good, and the keys it gave stay in use', async () => {
  const issuer = new Issuer([])
  issuer.isAway()
  const { node, clock, logger } = await startWith(issuer)
  const text = await es('a')
  expect(await answerTo(node, text)).toBe('internal 4004')
  expect(logger.lines.filter(({ level }) => level === 'warn')).toMatchObject([
    { text: 'the keys at tokens.jwks could not be fetched', fields: { why: 'it answered with status 503' } },
  ])
  issuer.holds([jwk(p256.publicKey, 'a')])
  clock.aheadMs = COOLDOWN_MS
  expect(await answerTo(node, text)).toBe('connected')
  issuer.isAway()
  clock.aheadMs = 1_200_000
  expect(await answerTo(node, await es('a', { sub: 'bob' }))).toBe('connected')
  await until(() => issuer.requests === 3)
  expect(await answerTo(node, await es('a', { sub: 'eve' }))).toBe('connected')
})

test('a key that was taken back at the address is refused, though its token held before', async () => {
  const issuer = new Issuer([jwk(p256.publicKey, 'a')])
  const { node, clock } = await startWith(issuer)
  const text = await es('a')
  expect(await answerTo(node, text)).toBe('connected')
  issuer.holds([jwk(rsa.publicKey, 'r')])
  clock.aheadMs = 1_200_000
  // Old keys are fetched anew in the background, and hold until the answer was read.
  await expect.poll(() => answerTo(node, text)).not.toBe('connected')
  clock.aheadMs += COOLDOWN_MS
  expect(await answerTo(node, text)).toBe('unauthorized 4501')
  expect(issuer.requests).toBe(3)
})

test.each<readonly [string, (response: ServerResponse) => void, string]>([
  ['is no JSON', (response) => response.end('<html>'), 'its answer is no JSON'],
  ['is no set', (response) => response.end('{"keys":5}'), 'its answer is no JSON Web Key Set'],
  [
    'has too many keys',
    (response) => response.end(JSON.stringify({ keys: Array(101).fill({}) })),
    'more than 100 keys',
  ],
  ['is too large', (response) => response.end(Buffer.alloc(300_000, 32)), 'more than 262144 bytes'],
  [
    'never ends',
    (response) => {
      const more = (): void => void response.write(Buffer.alloc(65_536, 32), () => setImmediate(more))
      response.on('error', () => undefined)
      more()
    },
    'more than 262144 bytes',
  ],
  ['leads elsewhere', (response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(), 'redirect'],
  ['is cut off', (response) => response.socket?.destroy(), ''],
])('an address whose answer %s is as good as away', async (_name, answer, why) => {
  const issuer = new Issuer([])
  issuer.answer = answer
  const { node, logger, clock } = await startWith(issuer)
  expect(await answerTo(node, await es('a'))).toBe('internal 4004')
  const [line] = logger.lines.filter(({ level }) => level === 'warn')
  expect((line?.fields as { why: string }).why).toContain(why)
  issuer.holds([jwk(p256.publicKey, 'a')])
  clock.aheadMs = COOLDOWN_MS
  expect(await answerTo(node, await es('a'))).toBe('connected')
})

test('keys for other purposes, secrets and damaged keys at the address are left out', async () => {
  const other = newP256()
  const issuer = new Issuer([
    { kty: 'oct', k: SECRET.toString('base64url'), kid: 'hs' },
    jwk(other.publicKey, 'enc', { use: 'enc' }),
    jwk(other.publicKey, 'ops', { key_ops: ['sign'] }),
    jwk(other.publicKey, 'alg', { alg: 'RS256' }),
    { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA', kid: 'bad' },
    5 as unknown as object,
    jwk(p256.publicKey, 'a', { use: 'sig', alg: 'ES256', key_ops: ['verify'] }),
  ])
  const { node, clock } = await startWith(issuer)
  for (const kid of ['enc', 'ops', 'alg', 'bad']) {
    clock.aheadMs += COOLDOWN_MS
    expect(await answerTo(node, await es(kid, {}, other.privateKey))).toBe('unauthorized 4501')
  }
  expect(await answerTo(node, await token({}, { header: { kid: 'hs' } }))).toBe('unauthorized 4501')
  expect(await answerTo(node, await es('a'))).toBe('connected')
})

test('a token without a kid is taken where there is one key for it, and keys of the options work beside the address', async () => {
  const issuer = new Issuer([jwk(p256.publicKey, 'a')])
  const { node, clock } = await startWith(issuer, [{ secret: SECRET }])
  expect(await answerTo(node, await es(undefined))).toBe('connected')
  expect(await answerTo(node, await token())).toBe('connected')
  issuer.holds([jwk(p256.publicKey, 'a'), jwk(newP256().publicKey, 'b')])
  clock.aheadMs = 1_200_000
  await answerTo(node, await es('a', { sub: 'bob' }))
  await until(() => issuer.requests === 2)
  clock.aheadMs += COOLDOWN_MS
  expect(await answerTo(node, await es('b'))).toBe('unauthorized 4501')
  expect(await answerTo(node, await es(undefined, { sub: 'eve' }))).toBe('unauthorized 4501')
})

test('an address that does not answer holds a client up for a bounded time only', async () => {
  const issuer = new Issuer([])
  const asked = latch()
  issuer.answer = () => asked.open()
  const { node } = await startWith(issuer)
  await asked.opened
  expect(await answerTo(node, await es('a'))).toBe('internal 4004')
})
