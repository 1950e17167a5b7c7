import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LocalNode, RawClient } from '@tidings/testing'
import { describe, expect, test } from 'vitest'
import { disk } from '../backend/disk/index.js'
import { memory } from '../backend/memory/index.js'
import { afterTest, type App, connect, latch, start } from '../node.fixture.js'
import { allowing, inSeconds, MovedClock, startWithTokens, token } from './token.fixture.js'

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
  test('of a user ends all of his sessions at once, refuses his tokens so far, and lets newer ones in', async () => {
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

  test('survives a restart, and is forgotten when no token is left that it could refuse', async () => {
    const dir = await dataDir()
    const clock = new MovedClock()
    const tokens = { keys: [{ secret: 's'.repeat(32) }], maxLifetimeMs: 3_600_000 }
    const startOnDisk = async () => {
      const backend = disk({ dir })
      return { backend, node: await startWithTokens({ backend, tokens, clock }) }
    }
    const text = await token({ jti: 'one' }, { key: Buffer.from('s'.repeat(32)) })
    const first = await startOnDisk()
    expect(await answerTo(first.node, text)).toBe('connected')
    await first.node.tidings.revoke({ token: 'one' })
    await first.node.tidings.revoke({ user: 'bob' })
    await first.node.close()

    const second = await startOnDisk()
    expect(await answerTo(second.node, text)).toBe('the token was revoked')
    expect(await second.backend.state.list('')).toHaveLength(2)
    await second.node.close()

    clock.aheadMs = 3_620_000
    const third = await startOnDisk()
    expect(await third.backend.state.list('')).toEqual([])
    expect(await answerTo(third.node, text)).toBe('the token has expired')
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

test('a client is told to try again while it cannot be known what was revoked', async () => {
  const backend = memory()
  backend.state.get = () => Promise.reject(new Error('the backend is away'))
  const node = await startWithTokens({ backend, logger: { info: () => 0, warn: () => 0, error: () => 0 } })
  const client = await connect(node, { token: await token() })
  expect(client.received).toMatchObject([{ code: 'internal', retryable: true }])
  expect(await client.closed).toMatchObject({ code: 4004 })
})
