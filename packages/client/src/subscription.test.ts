import { expect, test } from 'vitest'
import { type Peer, ScriptedServer } from '../test/scripted-server.js'
import { take, testClient, untilState } from '../test/test-client.js'
import type { Subscription, SubscriptionItem, SubscriptionState } from './index.js'

const start = async (maxBufferedItems = 1000) => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url, maxBufferedItems })
  return { server, client, a: client.channel('a') }
}

const offsets = (items: readonly SubscriptionItem[]) =>
  items.map((item) => (item.kind === 'publication' ? item.offset : item.reason))

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n)

const until = (subscription: Subscription, wanted: SubscriptionState): Promise<void> =>
  new Promise((resolve) => {
    if (subscription.state === wanted) resolve()
    else subscription.on('state', ({ state }) => state === wanted && resolve())
  })

const gap = (reason: 'trimmed' | 'epoch-changed', from: string, to: string) =>
  ({ type: 'gap', channel: 'a', reason, from, to, missed: null }) as const

test('hands out items and gaps in order, and moves its position as they are taken', async () => {
  const { server, a } = await start()
  const subscription = a.subscribe({ from: 'p0', policy: 'skip' })
  expect(subscription.position).toBe('p0')
  const peer = await server.peer()
  await peer.welcome()
  expect(await peer.subscribed('p0')).toMatchObject({ from: 'p0', policy: 'skip' })
  peer.send(gap('trimmed', 'p0', 'p4'))
  peer.push('a', [5, 6])
  const caughtUp = new Promise((resolve) => subscription.on('caught-up', resolve))
  peer.send({ type: 'caught-up', channel: 'a', position: 'p6' })
  expect(await caughtUp).toMatchObject({ position: 'p6' })
  expect(subscription.state).toBe('live')
  const items = subscription[Symbol.asyncIterator]()
  expect(await take(items, 1)).toEqual([{ kind: 'gap', reason: 'trimmed', from: 'p0', to: 'p4', missed: null }])
  expect(subscription.position).toBe('p4')
  expect(offsets(await take(items, 2))).toEqual([5, 6])
  expect(subscription.position).toBe('p6')
})

test('never hands out an offset twice, unless the log lost its identity', async () => {
  const { server, a } = await start()
  const items = a.subscribe()[Symbol.asyncIterator]()
  const peer = await server.peer()
  await peer.welcome()
  await peer.subscribed('p0')
  peer.push('a', [1, 2])
  peer.push('a', [2, 1, 3])
  peer.push('a', [3])
  peer.send(gap('epoch-changed', 'p3', 'p0'))
  peer.push('a', [1])
  expect(offsets(await take(items, 5))).toEqual([1, 2, 3, 'epoch-changed', 1])
})

test('resumes after what it got, not after what the application took', async () => {
  const { server, a } = await start()
  const subscription = a.subscribe()
  const items = subscription[Symbol.asyncIterator]()
  const first = await server.peer()
  await first.welcome()
  await first.subscribed('p0')
  first.push('a', [1, 2, 3])
  await take(items, 1)
  first.socket.terminate()
  const second = await server.peer()
  await second.welcome()
  expect(await second.subscribed('p3')).toMatchObject({ from: 'p3' })
  expect(subscription.position).toBe('p1')
  second.push('a', [4])
  expect(offsets(await take(items, 3))).toEqual([2, 3, 4])
})

test('resumes where it was told to start when nothing came', async () => {
  const { server, a } = await start()
  const subscription = a.subscribe({ rewind: { count: 3, ageMs: 1000 } })
  const first = await server.peer()
  await first.welcome()
  expect(await first.next('subscribe')).toMatchObject({ rewind: { count: 3, ageMs: 1000 } })
  first.socket.terminate()
  const second = await server.peer()
  await second.welcome()
  expect((await second.subscribed('p7')).rewind).toEqual({ count: 3, ageMs: 1000 })
  await until(subscription, 'catching-up')
  second.socket.terminate()
  const third = await server.peer()
  await third.welcome()
  const resumed = await third.next('subscribe')
  expect(resumed.from).toBe('p7')
  expect(resumed.rewind).toBeUndefined()
})

test('bounds what waits for a slow reader, and loses nothing', async () => {
  const { server, client, a } = await start(10)
  const other = client.channel('b').subscribe()
  const subscription = a.subscribe()
  const peer = await server.peer()
  await peer.welcome()
  await peer.subscribed('p0')
  await peer.subscribed('p0')
  peer.push('a', range(1, 8))
  peer.push('a', range(9, 12))
  peer.push('a', range(13, 30))
  // Still under way when the server learns of it: dropped, for the position did not move.
  peer.push('a', range(31, 40))
  await peer.unsubscribed()
  expect(subscription.state).toBe('paused')
  const items = subscription[Symbol.asyncIterator]()
  expect(offsets(await take(items, 6))).toEqual(range(1, 6))
  expect(peer.waiting).toBe(0)
  expect(subscription.position).toBe('p6')
  expect(offsets(await take(items, 1))).toEqual([7])
  const again = await peer.subscribed('p12')
  expect(again).toMatchObject({ channel: 'a', from: 'p12' })
  peer.push('a', range(13, 14), again.sub)
  peer.push('b', [1])
  expect(offsets(await take(items, 7))).toEqual(range(8, 14))
  expect(offsets(await take(other[Symbol.asyncIterator](), 1))).toEqual([1])
})

test('goes on telling who is present while nobody takes the items, and loses none of them', async () => {
  const { server, a } = await start(10)
  const subscription = a.subscribe({ presence: true })
  const told: string[] = []
  subscription.on('member', ({ member }) => told.push(member.member))
  const enters = (peer: Peer, member: string, sub = 0) => {
    const entry = { member, user: 'bob', data: null, enteredAt: 1 }
    peer.send({ type: 'member', channel: 'a', sub, change: 'entered', member: entry })
    return expect.poll(() => told.at(-1)).toBe(member)
  }
  const first = await server.peer()
  await first.welcome()
  await first.subscribed('p0')
  first.push('a', range(1, 10))
  first.push('a', range(11, 1000))
  first.send(gap('trimmed', 'p1000', 'p1001'))
  first.send({ type: 'caught-up', channel: 'a', position: 'p1001' })
  await enters(first, 'm1')
  expect(subscription.state).toBe('paused')
  expect(first.waiting).toBe(0)
  first.socket.terminate()
  const second = await server.peer()
  await second.welcome()
  expect(await second.subscribed('p10')).toMatchObject({ from: 'p10', presence: true })
  second.push('a', range(11, 20))
  second.send({ type: 'caught-up', channel: 'a', position: 'p20' })
  await enters(second, 'm2')
  expect(subscription.state).toBe('paused')
  const items = subscription[Symbol.asyncIterator]()
  expect(offsets(await take(items, 5))).toEqual(range(1, 5))
  await second.unsubscribed()
  const again = await second.subscribed('p10')
  expect(again).toMatchObject({ from: 'p10', presence: true })
  second.push('a', range(11, 14), again.sub)
  await enters(second, 'm3', again.sub)
  expect(offsets(await take(items, 9))).toEqual(range(6, 14))
  expect(subscription.state).toBe('catching-up')
})

test('goes on after a reconnect while the application is behind', async () => {
  const { server, client, a } = await start(2)
  const subscription = a.subscribe()
  const first = await server.peer()
  await first.welcome()
  await first.subscribed('p0')
  first.push('a', [1, 2])
  first.push('a', [3])
  await first.next('unsubscribe')
  first.socket.terminate()
  await untilState(client, 'waiting')
  const second = await server.peer()
  await second.welcome()
  await untilState(client, 'connected')
  expect(subscription.state).toBe('paused')
  const items = subscription[Symbol.asyncIterator]()
  expect(offsets(await take(items, 1))).toEqual([1])
  expect(await second.subscribed('p2')).toMatchObject({ from: 'p2' })
  second.push('a', [3])
  expect(offsets(await take(items, 2))).toEqual([2, 3])
})

test('unsubscribes when a loop is left, and uses the number again only after the reply', async () => {
  const { server, a } = await start()
  const first = a.subscribe()
  const second = a.subscribe({ rewind: 1 })
  const peer = await server.peer()
  await peer.welcome()
  expect((await peer.subscribed()).sub).toBeUndefined()
  expect((await peer.subscribed()).sub).toBe(1)
  peer.push('a', [1])
  for await (const item of first) {
    expect(item).toMatchObject({ offset: 1 })
    break
  }
  expect(first.state).toBe('ended')
  const leaving = await peer.next('unsubscribe')
  expect(leaving.sub).toBeUndefined()
  a.subscribe()
  expect((await peer.subscribed()).sub).toBe(2)
  peer.push('a', [2])
  peer.send({ type: 'unsubscribed', id: leaving.id, channel: 'a' })
  peer.push('a', [1], 1)
  expect(offsets(await take(second[Symbol.asyncIterator](), 1))).toEqual([1])
  a.subscribe()
  expect((await peer.subscribed()).sub).toBeUndefined()
})

test('asks again when the server is too busy to unsubscribe', async () => {
  const { server, a } = await start()
  const subscription = a.subscribe()
  const peer = await server.peer()
  await peer.welcome()
  await peer.subscribed()
  await until(subscription, 'catching-up')
  subscription.unsubscribe()
  peer.refuse(await peer.next('unsubscribe'), 'overloaded', true)
  expect((await peer.next('unsubscribe')).channel).toBe('a')
})

test('ends by its signal without an error', async () => {
  const { server, a } = await start()
  const abort = new AbortController()
  const subscription = a.subscribe({ signal: abort.signal })
  const seen: unknown[] = []
  const loop = (async () => {
    for await (const item of subscription) seen.push(item)
  })()
  const peer = await server.peer()
  await peer.welcome()
  await peer.subscribed()
  abort.abort()
  await loop
  expect(seen).toEqual([])
  await peer.next('unsubscribe')
  for await (const item of a.subscribe({ signal: AbortSignal.abort() })) seen.push(item)
  expect(seen).toEqual([])
})

test('unsubscribes once the server answered, when it was left before', async () => {
  const { server, a } = await start()
  const subscription = a.subscribe()
  const peer = await server.peer()
  await peer.welcome()
  const command = await peer.next('subscribe')
  subscription.unsubscribe()
  expect(peer.waiting).toBe(0)
  peer.send({ type: 'subscribed', id: command.id, channel: 'a', position: 'p0' })
  await peer.next('unsubscribe')
})

test('throws a final refusal from the iterator, after the items that came before', async () => {
  const { server, client, a } = await start()
  const items = a.subscribe()[Symbol.asyncIterator]()
  const refused = client.channel('b').subscribe()
  const peer = await server.peer()
  await peer.welcome()
  await peer.subscribed('p0')
  peer.refuse(await peer.next('subscribe'), 'forbidden')
  await expect(refused[Symbol.asyncIterator]().next()).rejects.toMatchObject({
    name: 'TidingsError',
    code: 'forbidden',
  })
  peer.push('a', [1])
  peer.send({ type: 'subscription-ended', channel: 'a', code: 'forbidden', message: 'out', retryable: false })
  expect(offsets(await take(items, 1))).toEqual([1])
  await expect(items.next()).rejects.toMatchObject({ code: 'forbidden', message: 'out' })
  expect(client.state).toBe('connected')
})

test('subscribes again after a retryable refusal or end, and tells each', async () => {
  const { server, a } = await start()
  const subscription = a.subscribe()
  const refusals: unknown[] = []
  subscription.on('state', ({ state, error }) => error && refusals.push([state, error.code, error.retryable]))
  const items = subscription[Symbol.asyncIterator]()
  const peer = await server.peer()
  await peer.welcome()
  for (let refused = 0; refused < 2; refused++) peer.refuse(await peer.next('subscribe'), 'overloaded', true)
  await peer.subscribed('p0')
  peer.push('a', [1])
  peer.send({ type: 'subscription-ended', channel: 'a', code: 'unavailable', message: 'x', retryable: true })
  expect(await peer.subscribed('p1')).toMatchObject({ from: 'p1' })
  peer.push('a', [2])
  expect(offsets(await take(items, 2))).toEqual([1, 2])
  expect(refusals).toEqual(['overloaded', 'overloaded', 'unavailable'].map((code) => ['waiting', code, true]))
})

test('hands items to listeners in place of an iterator', async () => {
  const { server, a } = await start(2)
  const subscription = a.subscribe()
  const seen: unknown[] = []
  const peer = await server.peer()
  await peer.welcome()
  await peer.subscribed('p0')
  peer.push('a', [1, 2])
  peer.send({ type: 'caught-up', channel: 'a', position: 'p2' })
  await until(subscription, 'live')
  const off = subscription.on('item', (item) => seen.push(item.kind === 'publication' && item.offset))
  expect(() => subscription[Symbol.asyncIterator]()).toThrow(/listeners/)
  peer.push('a', range(3, 20))
  await new Promise<void>((resolve) => {
    subscription.on('item', (item) => item.kind === 'publication' && item.offset === 20 && resolve())
  })
  expect(seen).toEqual(range(1, 20))
  expect(subscription.position).toBe('p20')
  off()
  peer.push('a', [21])
  await new Promise<void>((resolve) => subscription.on('item', () => resolve()))
  expect(seen).toEqual(range(1, 20))
  const iterated = a.subscribe()
  void iterated[Symbol.asyncIterator]().next()
  expect(() => iterated.on('item', () => undefined)).toThrow(/iterated/)
})

test('tells who is present and what changes, and again after a reconnect', async () => {
  const { server, a } = await start()
  const subscription = a.subscribe({ presence: true })
  const told: unknown[] = []
  const members = (peer: Peer) => {
    const member = { member: 'm', user: 'bob', data: null, enteredAt: 1 }
    peer.send({ type: 'members', channel: 'a', members: [member] })
    peer.send({ type: 'member', channel: 'a', change: 'left', member })
    return new Promise<void>((resolve) => {
      const off = subscription.on('member', () => {
        off()
        resolve()
      })
    })
  }
  subscription.on('members', (all) => told.push(all.length))
  subscription.on('member', ({ change, member }) => told.push([change, member.user]))
  const first = await server.peer()
  await first.welcome()
  expect(await first.subscribed()).toMatchObject({ presence: true })
  await members(first)
  first.socket.terminate()
  const second = await server.peer()
  await second.welcome()
  await second.subscribed()
  await members(second)
  expect(told).toEqual([1, ['left', 'bob'], 1, ['left', 'bob']])
})

test('refuses options that exclude each other', async () => {
  const { a } = await start()
  expect(() => a.subscribe({ from: 'p', rewind: 1 })).toThrow(expect.objectContaining({ code: 'bad-option' }) as Error)
})

test('ends quietly when the client closes', async () => {
  const { server, client, a } = await start()
  const next = a.subscribe()[Symbol.asyncIterator]().next()
  await (await server.peer()).welcome()
  client.close()
  expect(await next).toEqual({ done: true, value: undefined })
})
