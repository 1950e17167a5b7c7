import { channel, defineContract } from '@tidings/contract'
import { type RawClient, startNode } from '@tidings/testing'
import { describe, expect, test } from 'vitest'
import { memory } from '../backend/memory/index.js'
import { afterTest, connect } from '../node.fixture.js'
import type { AccessRules, ChannelAccess, DeclaredRule } from '../options.js'
import { allowing, SECRET, token } from './token.fixture.js'

const shape = channel({ history: { maxCount: 100 }, presence: true })
const contract = defineContract({
  'chat:{room}': shape,
  'chat:{room}:{thread}': shape,
  'files:{path...}': shape,
  'user:{id}': shape,
  'proto:{name}': shape,
})
type App = typeof contract

type Attempt = 'subscribe' | 'publish' | 'history' | 'presence' | 'rewind' | 'members'

/** The error code of an attempt, or `allowed`. */
const attempt = async (client: RawClient, kind: Attempt, name: string): Promise<string> => {
  const commands = {
    subscribe: { type: 'subscribe', channel: name },
    rewind: { type: 'subscribe', channel: name, sub: 1, rewind: { count: 1 } },
    members: { type: 'subscribe', channel: name, sub: 2, presence: true },
    publish: { type: 'publish', channel: name, data: 1 },
    history: { type: 'history', channel: name },
    presence: { type: 'presence', channel: name, action: 'get' },
  } as const
  const reply = await client.request(commands[kind])
  return reply.type === 'error' ? reply.code : 'allowed'
}

const ATTEMPTS: readonly Attempt[] = ['subscribe', 'publish', 'history', 'presence', 'rewind', 'members']

/** What a client may do on a channel. */
const allowed = async (client: RawClient, name: string): Promise<readonly Attempt[]> => {
  const found: Attempt[] = []
  for (const kind of ATTEMPTS) if ((await attempt(client, kind, name)) === 'allowed') found.push(kind)
  return found
}

const startAllowing = async (allow: AccessRules<App> = {}, anonymous = false) => {
  const tokens = { keys: [{ secret: SECRET }], anonymous }
  const node = await startNode<App>({ contract, backend: memory(), tokens, allow })
  afterTest(() => node.close())
  return node
}

describe('the claim of a token', () => {
  test('allows what it lists, and nothing without it', async () => {
    const node = await startAllowing()
    await node.tidings.channel('chat:{room}', { room: 'a' }).publish(1)
    const may = async (...actions: readonly string[]) =>
      allowed(await connect(node, { token: await token(allowing({ 'chat:{room}': actions })) }), 'chat:a')
    expect(await may()).toEqual([])
    expect(await may('subscribe')).toEqual(['subscribe', 'history', 'rewind'])
    expect(await may('publish')).toEqual(['publish'])
    expect(await may('history')).toEqual(['history'])
    expect(await may('presence')).toEqual(['presence'])
    expect(await may('subscribe', 'presence')).toEqual(['subscribe', 'history', 'presence', 'rewind', 'members'])
    const without = await connect(node, { token: await token() })
    expect(await allowed(without, 'chat:a')).toEqual([])
  })

  test('adds up over patterns, and cannot make a channel exist', async () => {
    const node = await startAllowing()
    const permissions = { 'chat:lobby': ['publish'], 'chat:{room}': ['subscribe'], 'other:{x}': ['publish'] }
    const client = await connect(node, { token: await token(allowing(permissions)) })
    expect(await attempt(client, 'publish', 'chat:lobby')).toBe('allowed')
    expect(await attempt(client, 'subscribe', 'chat:lobby')).toBe('allowed')
    expect(await attempt(client, 'publish', 'chat:other')).toBe('forbidden')
    expect(await attempt(client, 'publish', 'other:a')).toBe('unknown-channel')
  })

  test('of one session is not another’s, whose user is the same', async () => {
    const node = await startAllowing()
    const strong = await connect(node, { token: await token(allowing({ 'chat:{room}': ['publish'] })) })
    const weak = await connect(node, { token: await token() })
    expect(await attempt(strong, 'publish', 'chat:a')).toBe('allowed')
    expect(await attempt(weak, 'publish', 'chat:a')).toBe('forbidden')
  })

  test.each([
    ['chat:{room}', 'chat:a', 'allowed'],
    ['chat:{room}', 'chat:a:b', 'forbidden'],
    ['chat:{room...}', 'chat:a:b', 'allowed'],
    ['chat:{room}:{thread}', 'chat:a', 'forbidden'],
    ['files:{path}', 'files:a:b', 'forbidden'],
    ['files:{path...}', 'files:..:secret', 'allowed'],
    ['files:public', 'files:public:..:secret', 'forbidden'],
    ['files:public', 'files:public.', 'forbidden'],
    ['chat:a', 'chat:A', 'forbidden'],
    ['chat:a', 'chat:%61', 'forbidden'],
    ['chat:a', 'chat%3Aa', 'unknown-channel'],
    ['chat:a', 'chat:\\u0061', 'forbidden'],
    ['chat:a', 'chat:а', 'forbidden'], // the Cyrillic letter
    ['chat:a', 'chat:ａ', 'forbidden'], // the wide letter: another one in form C, the same in form KC
    ['chat:é', 'chat:é', 'allowed'],
    ['chat:é', 'chat:e\u0301', 'bad-channel'],
    ['chat:{room}', 'chat:', 'bad-channel'],
    ['chat:{room}', 'chat::a', 'bad-channel'],
    ['chat:{room}', ':chat:a', 'bad-channel'],
    ['chat:{room}', 'chat:a:', 'bad-channel'],
    ['chat:{room}', 'chat:{room}', 'bad-channel'],
    ['chat:{room}', 'chat:*', 'bad-channel'],
    ['chat:{room}', 'chat:a\u0000', 'bad-channel'],
    ['chat:{room}', 'chat:a\u200b', 'bad-channel'],
    ['chat:{room}', 'chat:a\u202e', 'bad-channel'],
    ['chat:{room}', ' chat:a', 'bad-channel'],
    ['chat:{room}', 'chat:__proto__', 'allowed'],
    ['{any...}', 'proto:constructor', 'allowed'],
    ['chat:a', 'proto:__proto__', 'forbidden'],
    ['{any...}', 'constructor', 'unknown-channel'],
    ['{any...}', '__proto__', 'unknown-channel'],
  ])('for %s says of %s: %s', async (pattern, name, expected) => {
    const node = await startAllowing()
    const client = await connect(node, { token: await token(allowing({ [pattern]: ['publish'] })) })
    expect(await attempt(client, 'publish', name)).toBe(expected)
    // And again, now that the answer is remembered.
    expect(await attempt(client, 'publish', name)).toBe(expected)
  })

  test('named after a prototype is a pattern like others', async () => {
    const node = await startAllowing()
    const permissions = JSON.parse('{"__proto__": ["publish"], "proto:constructor": ["publish"]}') as object
    const client = await connect(node, { token: await token({ tidings: { allow: permissions } }) })
    expect(await attempt(client, 'publish', 'proto:constructor')).toBe('allowed')
    expect(await attempt(client, 'publish', 'chat:a')).toBe('forbidden')
  })
})

describe('rules and tokens together', () => {
  const publishing = allowing({ 'chat:{room}': ['publish'] })

  test('allow what either allows', async () => {
    const asked: string[] = []
    const node = await startAllowing({
      'chat:{room}': {
        subscribe: true,
        publish: ({ params }) => {
          asked.push(params.room)
          return params.room === 'open'
        },
      },
    })
    const withClaim = await connect(node, { token: await token(publishing) })
    const without = await connect(node, { token: await token() })
    expect(await attempt(withClaim, 'publish', 'chat:shut')).toBe('allowed')
    expect(await attempt(withClaim, 'subscribe', 'chat:shut')).toBe('allowed')
    expect(await attempt(without, 'publish', 'chat:shut')).toBe('forbidden')
    expect(await attempt(without, 'publish', 'chat:open')).toBe('allowed')
    expect(asked).toEqual(['shut', 'open'])
  })

  test('forbid what a rule says false to, whatever a token claims', async () => {
    const node = await startAllowing({ 'chat:{room}': { publish: false, subscribe: true, history: false } })
    const permissions = { '{any...}': ['publish', 'subscribe', 'history', 'presence'] }
    const client = await connect(node, { token: await token(allowing(permissions)) })
    expect(await allowed(client, 'chat:a')).toEqual(['subscribe', 'presence', 'members'])
  })

  test('let a false of subscribe reach the history, and a rule of its own undo it', async () => {
    const node = await startAllowing({
      'chat:{room}': { subscribe: false },
      'user:{id}': { subscribe: false, history: true },
    })
    const client = await connect(node, { token: await token(allowing({ '{any...}': ['subscribe'] })) })
    expect(await allowed(client, 'chat:a')).toEqual([])
    expect(await allowed(client, 'user:a')).toEqual(['history'])
  })
})

describe('a declared rule', () => {
  test.each<readonly [DeclaredRule, string, Readonly<Record<string, unknown>> | null, boolean]>([
    ['authenticated', 'chat:a', {}, true],
    ['authenticated', 'chat:a', null, false],
    [{ user: '{id}' }, 'user:ann', {}, true],
    [{ user: '{id}' }, 'user:bob', {}, false],
    [{ user: '{id}' }, 'user:ann', null, false],
    [{ user: '{id}' }, 'user:__proto__', {}, false],
    [{ user: 'ann' }, 'user:bob', {}, true],
    [{ user: 'bob' }, 'user:bob', {}, false],
    [{ claim: 'rooms', has: '{id}' }, 'user:a', { rooms: ['b', 'a'] }, true],
    [{ claim: 'rooms', has: '{id}' }, 'user:c', { rooms: ['b', 'a'] }, false],
    [{ claim: 'rooms', has: '{id}' }, 'user:a', { rooms: 'a' }, true],
    [{ claim: 'rooms', has: '{id}' }, 'user:a', { rooms: 'abc' }, false],
    [{ claim: 'rooms', has: '{id}' }, 'user:7', { rooms: [7] }, true],
    [{ claim: 'rooms', has: '{id}' }, 'user:a', {}, false],
    [{ claim: 'rooms', has: '{id}' }, 'user:a', null, false],
    [{ claim: 'rooms', has: '{id}' }, 'user:a', { rooms: { a: true } }, false],
    [{ claim: 'rooms', has: '{id}' }, 'user:true', { rooms: true }, false],
    [{ claim: 'constructor', has: 'Object' }, 'user:a', {}, false],
    [{ claim: '__proto__', has: 'a' }, 'user:a', {}, false],
    [{ claim: 'admin' }, 'user:a', { admin: true }, true],
    [{ claim: 'admin' }, 'user:a', { admin: 'true' }, false],
    [{ claim: 'toString' }, 'user:a', {}, false],
    [[{ user: '{id}' }, { claim: 'admin' }], 'user:bob', { admin: true }, true],
    [[{ user: '{id}' }, { claim: 'admin' }], 'user:ann', {}, true],
    [[{ user: '{id}' }, { claim: 'admin' }], 'user:bob', {}, false],
    [[false, ['authenticated']], 'user:bob', {}, true],
  ])('%j on %s with %j is %s', async (rule, name, claims, expected) => {
    const access: ChannelAccess = { publish: rule }
    const node = await startAllowing({ 'user:{id}': access, 'chat:{room}': { publish: 'authenticated' } }, true)
    const client = await connect(node, claims === null ? {} : { token: await token(claims) })
    expect(await attempt(client, 'publish', name)).toBe(expected ? 'allowed' : 'forbidden')
  })
})

test('a function that answers anything but true forbids', async () => {
  for (const answer of [undefined, null, 1, 'yes', {}, Promise.resolve(1), Promise.resolve(undefined)]) {
    const node = await startAllowing({ 'chat:{room}': { publish: () => answer as boolean } })
    const client = await connect(node, { token: await token() })
    expect(await attempt(client, 'publish', 'chat:a')).toBe('forbidden')
  }
})
