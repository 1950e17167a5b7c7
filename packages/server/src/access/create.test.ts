import { channel, defineContract } from '@tidings/contract'
import { type RawClient, startNode } from '@tidings/testing'
import { describe, expect, test } from 'vitest'
import { memory } from '../backend/memory/index.js'
import { afterTest, connect } from '../node.fixture.js'
import type { AccessRules, ChannelAccess } from '../options.js'
import { allowing, SECRET, token } from './token.fixture.js'

const contract = defineContract({
  'room:{name}': channel({ history: { maxCount: 10 }, presence: true }),
  'live:{name}': channel({}),
})
type App = typeof contract

const startAllowing = async (allow: AccessRules<App> = {}) => {
  const tokens = { keys: [{ secret: SECRET }], anonymous: true }
  const node = await startNode<App>({ contract, backend: memory(), tokens, allow })
  afterTest(() => node.close())
  return node
}

const answerTo = async (client: RawClient, type: 'subscribe' | 'publish', name: string): Promise<string> => {
  const reply = await client.request(type === 'subscribe' ? { type, channel: name } : { type, channel: name, data: 1 })
  return reply.type === 'error' ? reply.code : reply.type
}

describe('who is the first in a channel', () => {
  const readers: ChannelAccess = { subscribe: true, publish: 'authenticated', presence: true }

  test('needs the right to create it, which by default is that to publish', async () => {
    const node = await startAllowing({ 'room:{name}': readers })
    const reader = await connect(node)
    const ann = await connect(node, { token: await token({}) })
    expect(await answerTo(reader, 'subscribe', 'room:a')).toBe('forbidden')
    expect(await answerTo(ann, 'publish', 'room:a')).toBe('published')
    expect(await answerTo(reader, 'subscribe', 'room:a')).toBe('subscribed')
  })

  test('is not asked where somebody subscribes, is a member, or the application has published', async () => {
    const node = await startAllowing({ 'room:{name}': readers, 'live:{name}': readers })
    const reader = await connect(node)
    const ann = await connect(node, { token: await token({}) })
    expect(await answerTo(ann, 'subscribe', 'live:a')).toBe('subscribed')
    expect(await answerTo(reader, 'subscribe', 'live:a')).toBe('subscribed')
    await ann.request({ type: 'presence', channel: 'room:b', action: 'enter', data: null })
    expect(await answerTo(reader, 'subscribe', 'room:b')).toBe('subscribed')
    await node.tidings.channel('room:{name}', { name: 'c' }).publish(1)
    expect(await answerTo(reader, 'subscribe', 'room:c')).toBe('subscribed')
    expect(await answerTo(reader, 'subscribe', 'live:c')).toBe('forbidden')
  })

  test('may be whoever may subscribe where only the application publishes', async () => {
    const node = await startAllowing({
      'room:{name}': { subscribe: true },
      'live:{name}': { subscribe: true, publish: false },
    })
    const reader = await connect(node)
    expect(await answerTo(reader, 'subscribe', 'room:a')).toBe('subscribed')
    expect(await answerTo(reader, 'subscribe', 'live:a')).toBe('subscribed')
  })

  test('is whom a rule of its own allows, for publishing too, and the rule is asked only then', async () => {
    const asked: string[] = []
    const create = ({ channel: name }: { readonly channel: string }): Promise<boolean> => {
      asked.push(name)
      return Promise.resolve(name === 'room:known')
    }
    const node = await startAllowing({ 'room:{name}': { subscribe: true, publish: true, create } })
    const client = await connect(node)
    expect(await answerTo(client, 'publish', 'room:other')).toBe('forbidden')
    expect(await answerTo(client, 'subscribe', 'room:other')).toBe('forbidden')
    expect(await answerTo(client, 'publish', 'room:known')).toBe('published')
    expect(await answerTo(client, 'publish', 'room:known')).toBe('published')
    expect(await answerTo(client, 'subscribe', 'room:known')).toBe('subscribed')
    expect(asked).toEqual(['room:other', 'room:other', 'room:known'])
  })

  test('is nobody where the rule is false', async () => {
    const node = await startAllowing({ 'room:{name}': { subscribe: true, publish: true, create: false } })
    const claims = allowing({ 'room:{name}': ['create'] })
    const client = await connect(node, { token: await token(claims) })
    expect(await answerTo(client, 'publish', 'room:a')).toBe('forbidden')
    expect(await answerTo(client, 'subscribe', 'room:a')).toBe('forbidden')
  })
})

describe('a token', () => {
  test.each([
    [{ 'room:{name}': ['subscribe'] }, 'forbidden'],
    [{ 'room:{name}': ['subscribe', 'create'] }, 'subscribed'],
    [{ 'room:{name}': ['subscribe', 'publish'] }, 'subscribed'],
    [{ 'room:a': ['subscribe'] }, 'subscribed'],
    [{ 'room:a': ['subscribe'], 'live:{name}': ['publish'] }, 'subscribed'],
  ])('with %j that subscribes to an empty channel is answered %s', async (permissions, answer) => {
    const node = await startAllowing()
    const client = await connect(node, { token: await token(allowing(permissions)) })
    expect(await answerTo(client, 'subscribe', 'room:a')).toBe(answer)
  })
})
