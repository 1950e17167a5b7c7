import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LocalNode, RawClient } from '@tidings/testing'
import { describe, expect, test } from 'vitest'
import { disk } from '../backend/disk/index.js'
import { memory } from '../backend/memory/index.js'
import { afterTest, type App, connect, latch, start } from '../node.fixture.js'
import type { TokenOptions } from '../options.js'
import {
  allowing,
  ed25519,
  inSeconds,
  MovedClock,
  otherSignature,
  otherTexts,
  p256,
  rsa,
  SECRET,
  startWithTokens,
  token,
  type TokenParts,
} from './token.fixture.js'

const REVOKED = { code: 4502, reason: 'revoked' }
const PERMISSIONS = allowing({ 'any:{name}': ['subscribe', 'publish'] })

const sessionOf = async (client: RawClient): Promise<string> => (await client.next('connected')).session

const answerTo = async (node: LocalNode<App>, text: string): Promise<string> => {
  const [reply] = (await connect(node, { token: text })).received
  return reply?.type === 'error' ? reply.message : String(reply?.type)
}

const dataDir = async (): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), 'tidings-revocations-'))
  afterTest(() => rm(dir, { recursive: true, force: true }))
  return dir
}

describe('revoke', () => {
  test('of a user ends all their sessions at once, refuses their tokens so far, and lets newer ones in', async () => {
    const clock = new MovedClock()
    const node = await startWithTokens({ clock })
    const tokens = [await token(PERMISSIONS), await token({ jti: 'two' }), await token({ iat: undefined })]
    const clients = await Promise.all(tokens.map((text) => connect(node, { token: text })))
    const bob = await connect(node, { token: await token({ sub: 'bob' }) })
    await node.tidings.revoke({ user: 'ann' })
    expect(await Promise.all(clients.map(({ closed }) => closed))).toEqual([REVOKED, REVOKED, REVOKED])
    for (const text of tokens) expect(await answerTo(node, text)).toBe('the token was revoked')
    expect(await bob.request({ type: 'ping' })).toMatchObject({ type: 'pong' })
    clock.aheadMs = 20_000
    expect(await answerTo(node, await token({ iat: inSeconds(10) }))).toBe('connected')
    // It cannot show that it is newer.
    expect(await answerTo(node, await token({ iat: undefined }))).toBe('the token was revoked')
  })

  test('of a token id ends its sessions and refuses it, and no other token of the user', async () => {
    const node = await startWithTokens()
    const lost = await token({ jti: 'lost' })
    const kept = await token({ jti: 'kept' })
    const clients = [await connect(node, { token: lost }), await connect(node, { token: lost })]
    const other = await connect(node, { token: kept })
    await node.tidings.revoke({ token: 'lost' })
    expect(await Promise.all(clients.map(({ closed }) => closed))).toEqual([REVOKED, REVOKED])
    expect(await answerTo(node, lost)).toBe('the token was revoked')
    expect(await answerTo(node, kept)).toBe('connected')
    expect(await other.request({ type: 'ping' })).toMatchObject({ type: 'pong' })
  })

  test.each([{ jti: 'one' }, {}])(
    'of a session ends it and refuses the token that it came with (%j)',
    async (claims) => {
      const node = await startWithTokens()
      const text = await token(claims)
      const client = await connect(node, { token: text })
      const other = await connect(node, { token: await token({ nonce: 'another one of ann' }) })
      await node.tidings.revoke({ session: await sessionOf(client) })
      expect(await client.closed).toEqual(REVOKED)
      expect(await answerTo(node, text)).toBe('the token was revoked')
      expect(await other.request({ type: 'ping' })).toMatchObject({ type: 'pong' })
    },
  )

  test('of a session without a token ends it', async () => {
    const node = await start()
    const client = await connect(node, { token: 'ann' })
    await node.tidings.revoke({ session: await sessionOf(client) })
    expect(await client.closed).toEqual(REVOKED)
    expect(await answerTo(node, 'ann')).toBe('connected')
  })

  test('of what nobody has does nothing, and of nothing is a mistake', async () => {
    const node = await startWithTokens()
    const client = await connect(node, { token: await token() })
    for (const of of [{ user: 'bob' }, { session: 'none' }, { token: '__proto__' }]) await node.tidings.revoke(of)
    expect(await client.request({ type: 'ping' })).toMatchObject({ type: 'pong' })
    for (const wrong of [{}, { user: '' }, { users: 'ann' }, { user: 'ann', token: 'a' }, { user: 5 }, null]) {
      await expect(node.tidings.revoke(wrong as never)).rejects.toThrow(TypeError)
    }
  })

  test('reaches a user whom authenticate made of the token', async () => {
    const node = await startWithTokens({ authenticate: ({ claims }) => ({ id: `id-of-${String(claims?.sub)}` }) })
    const text = await token()
    const client = await connect(node, { token: text })
    await node.tidings.revoke({ user: 'id-of-ann' })
    expect(await client.closed).toEqual(REVOKED)
    expect(await answerTo(node, text)).toBe('the token was revoked')
  })

  test('refuses a refresh with a revoked token', async () => {
    const node = await startWithTokens()
    const client = await connect(node, { token: await token() })
    await node.tidings.revoke({ token: 'next' })
    expect(await client.request({ type: 'refresh', token: await token({ jti: 'next' }) })).toMatchObject({
      code: 'unauthorized',
      message: 'the token was revoked',
    })
  })

  test('catches a client that is just being let in', async () => {
    const gate = latch()
    const asked = latch()
    let calls = 0
    const node = await startWithTokens({
      authenticate: async ({ claims }) => {
        calls += 1
        asked.open()
        if (calls === 1) await gate.opened
        return { id: String(claims?.sub) }
      },
    })
    const client = await connect(node, { token: false })
    client.send({ type: 'connect', id: 1, token: await token() })
    await asked.opened
    await node.tidings.revoke({ user: 'ann' })
    gate.open()
    expect(await client.closed).toMatchObject({ code: 4501 })
    expect(client.received).toMatchObject([{ code: 'unauthorized', message: 'the token was revoked' }])
  })

  test('survives a restart; what a session’s token left behind is forgotten once that has ended', async () => {
    const dir = await dataDir()
    const clock = new MovedClock()
    const tokens = { keys: [{ secret: 's'.repeat(32) }], maxLifetimeMs: 3_600_000 }
    const startOnDisk = async () => {
      const backend = disk({ dir })
      return { backend, node: await startWithTokens({ backend, tokens, clock }) }
    }
    const make = (claims: object) => token({ ...claims }, { key: Buffer.from('s'.repeat(32)) })
    const texts = [await make({ jti: 'one' }), await make({ sub: 'bob' }), await make({ sub: 'eve' })]
    const first = await startOnDisk()
    const clients = await Promise.all(texts.map((text) => connect(first.node, { token: text })))
    await first.node.tidings.revoke({ token: 'one' })
    await first.node.tidings.revoke({ user: 'bob' })
    for (const client of clients.slice(2)) await first.node.tidings.revoke({ session: await sessionOf(client) })
    await first.node.close()

    const second = await startOnDisk()
    for (const text of texts) expect(await answerTo(second.node, text)).toBe('the token was revoked')
    expect(await second.backend.state.list('')).toHaveLength(3)
    await second.node.close()

    clock.aheadMs = 3_600_000 + 700_000
    const third = await startOnDisk()
    const keys = (await third.backend.state.list('')).map(({ key }) => key.split('/')[1])
    expect(keys).toEqual(['token', 'user'])
    for (const text of texts) expect(await answerTo(third.node, text)).toBe('the token has expired')
  })

  test('rejects when it cannot be kept, and then ends nobody', async () => {
    const backend = memory()
    backend.state.set = () => Promise.reject(new Error('the disk is full'))
    const node = await startWithTokens({ backend })
    const client = await connect(node, { token: await token() })
    await expect(node.tidings.revoke({ user: 'ann' })).rejects.toThrow('full')
    expect(await client.request({ type: 'ping' })).toMatchObject({ type: 'pong' })
  })
})

describe('a session’s revocation', () => {
  const signing: Readonly<Record<string, TokenParts>> = {
    HS256: { algorithm: 'HS256', key: SECRET, header: { kid: 'hs' } },
    RS256: { algorithm: 'RS256', key: rsa.privateKey, header: { kid: 'rs' } },
    ES256: { algorithm: 'ES256', key: p256.privateKey, header: { kid: 'es' } },
    EdDSA: { algorithm: 'EdDSA', key: ed25519.privateKey, header: { kid: 'ed' } },
  }
  const tokens: TokenOptions = {
    keys: [
      { id: 'hs', secret: SECRET },
      { id: 'rs', publicKey: rsa.publicKey },
      { id: 'es', publicKey: p256.publicKey },
      { id: 'ed', publicKey: ed25519.publicKey },
    ],
  }

  test.each(Object.keys(signing))('is not evaded by another text of its %s token', async (algorithm) => {
    const node = await startWithTokens({ tokens })
    const text = await token({}, signing[algorithm])
    const forms = otherTexts(text)
    const malformed = 'the token is no signed JWT'
    for (const [what, other] of forms)
      expect([what, await answerTo(node, other)]).toEqual([what, expect.stringContaining(malformed)])
    const client = await connect(node, { token: text })
    const session = await sessionOf(client)
    // The other valid signature is a valid token too, until the session is revoked.
    const twins = algorithm === 'ES256' ? [otherSignature(text)] : []
    const beside = await Promise.all(twins.map((twin) => connect(node, { token: twin })))
    for (const other of beside) expect(other.received[0]).toMatchObject({ type: 'connected' })
    await node.tidings.revoke({ session })
    for (const other of [client, ...beside]) expect(await other.closed).toEqual(REVOKED)
    for (const each of [text, ...twins]) expect(await answerTo(node, each)).toBe('the token was revoked')
    for (const [what, other] of forms)
      expect([what, await answerTo(node, other)]).toEqual([what, expect.stringContaining(malformed)])
    expect(await answerTo(node, await token({ nonce: 'another' }, signing[algorithm]))).toBe('connected')
  })

  test('revokes every token that it was refreshed with and that has not expired', async () => {
    const clock = new MovedClock()
    const node = await startWithTokens({ clock })
    const texts = await Promise.all(
      [{ exp: inSeconds(60) }, {}, { jti: 'three' }, { jti: 'four' }].map((claims, n) =>
        token({ ...claims, nonce: n }),
      ),
    )
    const client = await connect(node, { token: texts[0] ?? '' })
    for (const text of texts.slice(1)) {
      expect(await client.request({ type: 'refresh', token: text })).toMatchObject({ type: 'refreshed' })
    }
    // The same one again is not one more.
    expect(await client.request({ type: 'refresh', token: texts[1] ?? '' })).toMatchObject({ type: 'refreshed' })
    await node.tidings.revoke({ session: await sessionOf(client) })
    expect(await client.closed).toEqual(REVOKED)
    for (const text of texts) expect(await answerTo(node, text)).toBe('the token was revoked')
  })

  test('covers 16 tokens; one refresh more is refused until one of them has expired', async () => {
    const clock = new MovedClock()
    // Only the time that tokens go by: a node that stood still for so long would end its sessions.
    clock.monotonic = () => performance.now()
    const node = await startWithTokens({ clock })
    const first = await token({ exp: inSeconds(600) })
    const client = await connect(node, { token: first })
    const texts = await Promise.all(Array.from({ length: 15 }, (_, nonce) => token({ nonce })))
    for (const text of texts) {
      expect(await client.request({ type: 'refresh', token: text })).toMatchObject({ type: 'refreshed' })
    }
    const more = await token({ nonce: 'more' })
    expect(await client.request({ type: 'refresh', token: more })).toMatchObject({
      code: 'rate-limited',
      retryable: true,
    })
    expect(await client.request({ type: 'ping' })).toMatchObject({ type: 'pong' })
    clock.aheadMs = 700_000
    expect(await client.request({ type: 'refresh', token: more })).toMatchObject({ type: 'refreshed' })
    await node.tidings.revoke({ session: await sessionOf(client) })
    for (const text of [...texts, more]) expect(await answerTo(node, text)).toBe('the token was revoked')
  })

  test('covers a token that the session is refreshed with while the revocation is written', async () => {
    const backend = memory()
    const { state } = backend
    const set = state.set.bind(state)
    const [writing, goOn] = [latch(), latch()]
    const node = await startWithTokens({ backend })
    const client = await connect(node, { token: await token() })
    const session = await sessionOf(client)
    state.set = async (key, value) => {
      writing.open()
      await goOn.opened
      await set(key, value)
    }
    const revoked = node.tidings.revoke({ session })
    await writing.opened
    const late = await token({ nonce: 'late' })
    expect(await client.request({ type: 'refresh', token: late })).toMatchObject({ type: 'refreshed' })
    goOn.open()
    await revoked
    expect(await client.closed).toEqual(REVOKED)
    expect(await answerTo(node, late)).toBe('the token was revoked')
  })
})

describe('a token that is refused for its times', () => {
  const DAY_S = 86_400
  const FAR = { iat: undefined, exp: inSeconds(9 * DAY_S), jti: 'x' }
  const LATER = { iat: inSeconds(8 * DAY_S), exp: inSeconds(9 * DAY_S), jti: 'x' }
  test.each([
    ['with an exp too far away and no iat, by its id', FAR, { token: 'x' }],
    ['with an exp too far away and no iat, by its user', FAR, { user: 'ann' }],
    ['with an iat in the future, by its id', LATER, { token: 'x' }],
  ])('stays revoked when its time has come: %s', async (_name, claims, revocation) => {
    const dir = await dataDir()
    const clock = new MovedClock()
    const node = await startWithTokens({ backend: disk({ dir }), clock })
    const text = await token(claims)
    expect(await answerTo(node, text)).not.toBe('connected')
    await node.tidings.revoke(revocation)
    await node.close()
    clock.aheadMs = 8.5 * DAY_S * 1000
    const later = await startWithTokens({ backend: disk({ dir }), clock })
    expect(await answerTo(later, text)).toBe('the token was revoked')
    expect(await answerTo(later, await token({ ...claims, jti: 'y', sub: 'bob' }))).toBe('connected')
  })

  test('stays revoked with its session when tokens may hold for longer than they might then', async () => {
    const clock = new MovedClock()
    const backend = memory()
    const options = { backend, clock }
    const keys = [{ secret: SECRET }]
    const text = await token({ exp: undefined })
    const node = await startWithTokens({ ...options, tokens: { keys, requireExpiry: false, maxLifetimeMs: 60_000 } })
    const client = await connect(node, { token: text })
    await node.tidings.revoke({ session: await sessionOf(client) })
    clock.aheadMs = 3_600_000
    const later = await startWithTokens({
      ...options,
      tokens: { keys, requireExpiry: false, maxLifetimeMs: 7_200_000 },
    })
    expect(await answerTo(later, text)).toBe('the token was revoked')
  })
})

/** As the first version of the data directory's format has them: by the hash of the whole text, of a `jti`, and of the user. */
describe('revocations of an earlier version', () => {
  const hash = (text: string): string => createHash('sha256').update(text).digest('base64url')
  const record = (kind: string, name: string, lifetimeMs: number) => ({
    key: `revoked/${kind}/${hash(name)}`,
    value: Buffer.from(JSON.stringify({ at: Date.now(), until: Date.now() + lifetimeMs })),
  })

  test('go on refusing their tokens', async () => {
    const dir = await dataDir()
    const tokens: TokenOptions = { keys: [{ secret: SECRET }, { publicKey: p256.publicKey }] }
    const es: TokenParts = { algorithm: 'ES256', key: p256.privateKey }
    const [hs, signed, named, ofUser] = [
      await token(),
      await token({}, es),
      await token({ jti: 'one' }),
      await token({ sub: 'bob' }),
    ]
    const records = [
      record('token', `sha256:${hash(hs)}`, 604_810_000),
      record('token', `sha256:${hash(signed)}`, 604_810_000),
      record('token', 'jti:one', 604_810_000),
      record('user', 'bob', 604_810_000),
    ]
    const backend = disk({ dir })
    await backend.open(() => undefined)
    for (const { key, value } of records) await backend.state.set(key, value)
    await backend.close()
    const node = await startWithTokens({ backend: disk({ dir }), tokens })
    for (const text of [hs, signed, otherSignature(signed), named, ofUser]) {
      expect(await answerTo(node, text)).toBe('the token was revoked')
    }
    expect(await answerTo(node, await token({ nonce: 'another' }))).toBe('connected')
    expect(await answerTo(node, await token({ nonce: 'another' }, es))).toBe('connected')
  })
})

test('a client is told to try again while it cannot be known what was revoked', async () => {
  const backend = memory()
  backend.state.get = () => Promise.reject(new Error('the backend is away'))
  const node = await startWithTokens({ backend, logger: { info: () => 0, warn: () => 0, error: () => 0 } })
  const client = await connect(node, { token: await token() })
  expect(client.received).toMatchObject([{ code: 'internal', retryable: true }])
  expect(await client.closed).toMatchObject({ code: 4004 })
})
