import type { Socket } from 'node:net'
import { channel, defineContract } from '@tidings/contract'
import type { Limits } from '@tidings/server'
import { memory } from '@tidings/server/memory'
import { freePort, type LocalNode, startNode } from '@tidings/testing'
import { afterEach, expect, test } from 'vitest'
import * as z from 'zod'
import { take, testClient, untilState } from '../test/test-client.js'
import type { PublicationItem, SubscriptionItem } from './index.js'
import { msgpackCodec } from './msgpack.js'

const app = defineContract({
  'chat:{room}': channel({ data: z.object({ n: z.number() }), history: { maxCount: 10_000 }, presence: true }),
  'short:{name}': channel({ history: { maxCount: 3 } }),
  'typing:{room}': channel({}),
  'private:{name}': channel({}),
})

const open: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

const everything = { subscribe: true, publish: true, presence: true }

const start = async (limits: Partial<Limits> = {}, port = 0): Promise<LocalNode<typeof app>> => {
  const node = await startNode<typeof app>({
    contract: app,
    backend: memory(),
    limits,
    authenticate: ({ token }) => {
      if (token === 'bad') return false
      return token === undefined ? null : { id: token }
    },
    allow: { 'chat:{room}': everything, 'short:{name}': everything, 'typing:{room}': everything },
    port,
  })
  open.push(() => node.close())
  node.http.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  return node
}

const clientOf = ({ url }: { readonly url: string }, token?: string) => testClient<typeof app>({ url, token })

const sockets = new Set<Socket>()

/** Cuts every connection without a goodbye. */
const cut = (): void => {
  for (const socket of sockets) socket.destroy()
}

const numbers = (items: readonly SubscriptionItem<{ n: number }>[]) =>
  items.map((item) => (item.kind === 'publication' ? item.data.n : item.reason))

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n)

test('publishes and subscribes with both codecs', async () => {
  const node = await start()
  const ann = clientOf(node, 'ann').channel('chat:{room}', { room: 'lobby' })
  const bob = testClient<typeof app>({ url: node.url, token: 'bob', codec: msgpackCodec })
  const items = bob.channel('chat:{room}', { room: 'lobby' }).subscribe({ rewind: 10 })[Symbol.asyncIterator]()
  const results = await Promise.all([ann.publish({ n: 1 }), ann.publish({ n: 2 }, { key: 'k', tags: { a: 'b' } })])
  expect(results).toMatchObject([
    { ok: true, offset: 1, durability: 'memory', duplicate: false },
    { ok: true, offset: 2 },
  ])
  const [first, second] = (await take(items, 2)) as PublicationItem[]
  expect(first).toMatchObject({ kind: 'publication', data: { n: 1 }, publisher: 'ann', offset: 1 })
  expect(second).toMatchObject({ data: { n: 2 }, key: 'k', tags: { a: 'b' } })
  expect(bob.user).toBe('bob')
})

test('gives up a publish that the server cannot read, and everything else gets through', async () => {
  const node = await start()
  const encode = (message: object): Uint8Array => {
    const frame = Buffer.from(msgpackCodec.encode(message))
    const at = frame.indexOf('poison')
    // Not UTF-8: what an encoder makes of half a surrogate pair.
    return at < 0 ? frame : frame.fill(0xff, at, at + 1)
  }
  const client = testClient<typeof app>({ url: node.url, token: 'ann', codec: { ...msgpackCodec, encode } })
  const lobby = client.channel('chat:{room}', { room: 'lobby' })
  const items = lobby.subscribe()[Symbol.asyncIterator]()
  const entered = lobby.presence.enter({ name: 'ann' })
  const sent = [lobby.publish({ n: 1 }), lobby.publish({ n: 2 }, { key: 'poison' }), lobby.publish({ n: 3 })]
  const results = await Promise.all(sent)
  expect(results.map(({ ok }) => ok)).toEqual([true, false, true])
  expect(await entered).toMatchObject({ ok: true })
  expect(numbers(await take(items, 2)).sort()).toEqual([1, 3])
})

test('loses nothing and repeats nothing while connections are cut all the time', async () => {
  const node = await start()
  const publisher = clientOf(node, 'ann').channel('chat:{room}', { room: 'lobby' })
  const reader = clientOf(node, 'bob').channel('chat:{room}', { room: 'lobby' })
  const subscription = reader.subscribe({ rewind: 0 })
  const items = subscription[Symbol.asyncIterator]()
  await new Promise((resolve) => subscription.on('caught-up', resolve))
  const results: unknown[] = []
  for (let round = 0; round < 20; round++) {
    const sent = range(1, 20).map((n) => publisher.publish({ n: round * 20 + n }))
    if (round % 2 === 0) cut()
    results.push(...(await Promise.all(sent)))
    if (round % 3 === 0) cut()
  }
  expect(results.filter((result) => !(result as { ok: boolean }).ok)).toEqual([])
  expect(numbers(await take(items, 400)).sort((a, b) => Number(a) - Number(b))).toEqual(range(1, 400))
})

test('a reader that stops reading has bounded memory and ends complete', async () => {
  const node = await start()
  const publisher = clientOf(node, 'ann').channel('chat:{room}', { room: 'lobby' })
  const reader = testClient<typeof app>({ url: node.url, maxBufferedItems: 20 })
  const subscription = reader.channel('chat:{room}', { room: 'lobby' }).subscribe({ rewind: 0 })
  const states: string[] = []
  subscription.on('state', ({ state }) => states.push(state))
  await new Promise((resolve) => subscription.on('caught-up', resolve))
  // One after the other, so that they come in several frames.
  for (const n of range(1, 100)) await publisher.publish({ n })
  await Promise.all(range(101, 500).map((n) => publisher.publish({ n })))
  if (subscription.state !== 'paused') await new Promise((resolve) => subscription.on('state', resolve))
  const seen: SubscriptionItem<{ n: number }>[] = []
  for await (const item of subscription) if (seen.push(item) === 500) break
  expect(numbers(seen)).toEqual(range(1, 500))
  expect(states).toContain('paused')
})

test('goes on with a gap when the log was wiped', async () => {
  const port = await freePort()
  const first = await start({}, port)
  const client = clientOf(first, 'ann')
  const subscription = client.channel('chat:{room}', { room: 'lobby' }).subscribe({ rewind: 5 })
  const items = subscription[Symbol.asyncIterator]()
  await client.channel('chat:{room}', { room: 'lobby' }).publish({ n: 1 })
  expect(numbers(await take(items, 1))).toEqual([1])
  await first.close()
  open.length = 0
  const second = await start({}, port)
  expect(numbers(await take(items, 1))).toEqual(['epoch-changed'])
  await second.tidings.channel('chat:{room}', { room: 'lobby' }).publish({ n: 2 })
  expect(numbers(await take(items, 1))).toEqual([2])
})

test('shows a gap for what retention took while it was away', async () => {
  const node = await start()
  const client = clientOf(node)
  const name = { name: 'x' }
  const first = client.channel('short:{name}', name).subscribe()
  await client.channel('short:{name}', name).publish(0)
  await take(first[Symbol.asyncIterator](), 1)
  const { position } = first
  first.unsubscribe()
  for (const n of range(1, 6)) await client.channel('short:{name}', name).publish(n)
  const items = client.channel('short:{name}', name).subscribe({ from: position })[Symbol.asyncIterator]()
  const [gap, ...rest] = await take(items, 4)
  expect(gap).toMatchObject({ kind: 'gap', reason: 'trimmed', from: position, missed: 3 })
  expect(rest.map((item) => item.kind === 'publication' && item.data)).toEqual([4, 5, 6])
})

test('does not hear what it published with echo: false, and others do', async () => {
  const node = await start()
  const ann = clientOf(node, 'ann').channel('typing:{room}', { room: 'lobby' })
  const bob = clientOf(node, 'bob').channel('typing:{room}', { room: 'lobby' })
  const heard: unknown[] = []
  const live = [ann, bob].map((handle) => {
    const subscription = handle.subscribe()
    subscription.on('item', (item) =>
      heard.push([handle === ann ? 'ann' : 'bob', item.kind === 'publication' && item.data]),
    )
    return new Promise((resolve) => subscription.on('caught-up', resolve))
  })
  await Promise.all(live)
  await ann.publish('quiet', { echo: false })
  const last = new Promise<void>((resolve) => {
    ann.subscribe().on('item', () => resolve())
  })
  await ann.publish('loud')
  await last
  expect(heard.filter((entry) => (entry as string[])[0] === 'ann')).toEqual([['ann', 'loud']])
  expect(heard).toContainEqual(['bob', 'quiet'])
})

test('is present again after a reconnect, without leaving in between', async () => {
  const node = await start()
  const ann = clientOf(node, 'ann')
  const bob = clientOf(node, 'bob').channel('chat:{room}', { room: 'lobby' })
  const lobby = ann.channel('chat:{room}', { room: 'lobby' })
  expect(await lobby.presence.enter({ mood: 'fine' })).toMatchObject({ ok: true })
  const subscription = bob.subscribe({ presence: true })
  const changes: unknown[] = []
  subscription.on('member', ({ change }) => changes.push(change))
  const [members] = await new Promise<unknown[]>((resolve) => subscription.on('members', (all) => resolve([all])))
  expect(members).toMatchObject([{ user: 'ann', data: { mood: 'fine' } }])
  const again = untilState(ann, 'connected')
  cut()
  await again
  expect(await lobby.presence.update({ mood: 'better' })).toEqual({ ok: true })
  expect(await bob.presence.get()).toMatchObject({ ok: true, members: [{ user: 'ann', data: { mood: 'better' } }] })
  expect(changes).not.toContain('left')
  expect(await lobby.presence.leave()).toEqual({ ok: true })
  expect(await bob.presence.get()).toMatchObject({ ok: true, members: [] })
})

test('reads history in pages, both ways', async () => {
  const node = await start()
  const lobby = clientOf(node, 'ann').channel('chat:{room}', { room: 'lobby' })
  for (const n of range(1, 5)) await lobby.publish({ n })
  const newest = await lobby.history({ direction: 'backward', limit: 2 })
  if (!newest.ok) throw new Error(newest.error.message)
  expect(numbers(newest.items)).toEqual([5, 4])
  expect(newest.more).toBe(true)
  const older = await lobby.history({ direction: 'backward', limit: 10, from: newest.position })
  expect(older).toMatchObject({ ok: true, more: false, gap: null })
  expect(older.ok && numbers(older.items)).toEqual([3, 2, 1])
})

test('gives refusals as values from publish, and throws them from the iterator', async () => {
  const node = await start()
  const client = clientOf(node, 'ann')
  const secret = client.channel('private:{name}', { name: 'x' })
  expect(await secret.publish(1)).toMatchObject({ ok: false, error: { code: 'forbidden' } })
  await expect(take(secret.subscribe()[Symbol.asyncIterator](), 1)).rejects.toMatchObject({ code: 'forbidden' })
  const wrong = { n: 'text' } as unknown as { n: number }
  expect(await client.channel('chat:{room}', { room: 'a' }).publish(wrong)).toMatchObject({
    ok: false,
    error: { code: 'invalid-data' },
  })
  expect(await client.channel('typing:{room}', { room: 'a' }).publish('x'.repeat(70_000))).toMatchObject({
    ok: false,
    error: { code: 'payload-too-large' },
  })
  expect(client.state).toBe('connected')
})

test('closes with the reason when its token is refused twice', async () => {
  const node = await start()
  let asked = 0
  const client = testClient<typeof app>({
    url: node.url,
    token: () => {
      asked++
      return 'bad'
    },
  })
  const closed = untilState(client, 'closed')
  client.connect()
  expect((await closed).reason?.code).toBe('unauthorized')
  expect(asked).toBe(2)
})

test('publishes beyond the rate of a channel are retried until each is stored once', async () => {
  const node = await start({ publishesPerSecond: 50, publishBurst: 5 })
  const client = clientOf(node, 'ada')
  const count = 60
  const room = client.channel('chat:{room}', { room: 'busy' })
  const results = await Promise.all(Array.from({ length: count }, (_, n) => room.publish({ n })))
  expect(results.map(({ ok }) => ok)).toEqual(Array.from({ length: count }, () => true))
  expect(node.tidings.limitsReached().publishesPerSecond).toBeGreaterThan(0)
  const { publications } = await node.tidings.channel('chat:{room}', { room: 'busy' }).history({ limit: 1000 })
  expect(publications.map(({ data }) => data.n).sort((a, b) => a - b)).toEqual(results.map((_, n) => n))
})

test('a client whose user has too many connections is let in when one of them has gone', async () => {
  const node = await start({ maxConnectionsPerUser: 1 })
  const first = clientOf(node, 'ada')
  first.connect()
  await untilState(first, 'connected')
  const second = clientOf(node, 'ada')
  const refused = new Promise<string | undefined>((resolve) => {
    second.on('state', ({ reason }) => {
      if (reason !== undefined) resolve(reason.code)
    })
  })
  second.connect()
  expect(await refused).toBe('too-many-connections')
  first.close()
  await untilState(second, 'connected')
})
