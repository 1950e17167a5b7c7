import { expect, onTestFinished, test } from 'vitest'
import { type Peer, ScriptedServer } from '../test/scripted-server.js'
import { take, testClient, untilState } from '../test/test-client.js'
import type { Member } from './index.js'
import type { Channel, Subscription, SubscriptionItem } from './types.js'

const start = async (maxBufferedItems = 1000) => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url, maxBufferedItems })
  client.connect()
  const peer = await server.peer()
  await peer.welcome()
  await untilState(client, 'connected')
  return { server, client, a: client.channel('a'), peer }
}

const offsets = (items: readonly SubscriptionItem[]) =>
  items.map((item) => (item.kind === 'publication' ? item.offset : item.reason))

/** The offsets that a subscription gets. */
const record = (subscription: Subscription): unknown[] => {
  const seen: unknown[] = []
  subscription.on('item', (item) => seen.push(item.kind === 'publication' ? item.offset : item.reason))
  return seen
}

const caughtUp = (peer: Peer, position: string, sub = 0): void =>
  peer.send({ type: 'caught-up', channel: 'a', sub, position })

/** Subscribes, and answers: the subscription is live after `position`. */
const live = async (peer: Peer, channel: Channel, position: string): Promise<Subscription> => {
  const subscription = channel.subscribe()
  const { sub } = await peer.subscribed(position)
  caughtUp(peer, position, sub)
  await new Promise((resolve) => subscription.on('caught-up', resolve))
  return subscription
}

const member = (name: string): Member => ({ member: name, user: name, data: null, enteredAt: 1 })

test('subscriptions that begin together are one for the server, which ends with the last of them', async () => {
  const { a, peer } = await start()
  const subscriptions = Array.from({ length: 200 }, () => a.subscribe({ rewind: 2 }))
  const seen = subscriptions.map(record)
  await peer.subscribed('p5')
  peer.push('a', [6, 7])
  caughtUp(peer, 'p7')
  await expect.poll(() => seen.filter(({ length }) => length === 2).length).toBe(200)
  expect(subscriptions.every(({ state, position }) => state === 'live' && position === 'p7')).toBe(true)
  for (const subscription of subscriptions.slice(1)) subscription.unsubscribe()
  peer.push('a', [8])
  await expect.poll(() => seen[0]).toEqual([6, 7, 8])
  expect(seen[1]).toEqual([6, 7])
  expect(peer.waiting).toBe(0)
  subscriptions[0]?.unsubscribe()
  expect((await peer.next('unsubscribe')).sub).toBeUndefined()
})

test('a later one starts where the server says, and joins the first once both are live at one position', async () => {
  const { a, peer } = await start()
  const first = await live(peer, a, 'p0')
  const second = a.subscribe({ rewind: 2 })
  const [seenFirst, seenSecond] = [record(first), record(second)]
  expect((await peer.subscribed('p3')).sub).toBe(1)
  peer.push('a', [4, 5], 1)
  caughtUp(peer, 'p5', 1)
  peer.push('a', [1, 2, 3, 4], 0)
  peer.push('a', [5], 0)
  expect((await peer.next('unsubscribe')).sub).toBe(1)
  // Under way when it was left.
  peer.push('a', [6], 1)
  peer.push('a', [6], 0)
  await expect.poll(() => seenSecond).toEqual([4, 5, 6])
  expect(seenFirst).toEqual([1, 2, 3, 4, 5, 6])
  expect([first.state, second.state]).toEqual(['live', 'live'])
})

test('one that wants to go on where another is needs no command, and is told that it has caught up', async () => {
  const { a, peer } = await start()
  const first = await live(peer, a, 'p0')
  const seenFirst = record(first)
  peer.push('a', [1, 2])
  await expect.poll(() => seenFirst).toEqual([1, 2])
  const second = a.subscribe({ from: 'p2' })
  const seenSecond = record(second)
  const told: unknown[] = []
  second.on('state', ({ state }) => told.push(state))
  await new Promise((resolve) => second.on('caught-up', (event) => resolve(told.push(event))))
  expect(told).toEqual(['live', { position: 'p2' }])
  peer.push('a', [3])
  await expect.poll(() => seenSecond).toEqual([3])
  expect(peer.waiting).toBe(0)
})

test('subscribing and unsubscribing any number of times in one turn costs one subscription', async () => {
  const { a, peer } = await start()
  for (let count = 0; count < 50; count++) a.subscribe().unsubscribe()
  const items = a.subscribe()[Symbol.asyncIterator]()
  await peer.subscribed('p0')
  peer.push('a', [1])
  expect(offsets(await take(items, 1))).toEqual([1])
  expect(peer.waiting).toBe(0)
})

test('more of them than there are numbers wait for one, however different they are', async () => {
  const { server, client, a, peer } = await start()
  const seen = Array.from({ length: 40 }, (_, count) => record(a.subscribe({ from: `p${count}` })))
  const subs: (number | undefined)[] = []
  for (let count = 0; count < 16; count++) subs.push((await peer.subscribed()).sub)
  expect(new Set(subs).size).toBe(16)
  expect(peer.waiting).toBe(0)
  peer.socket.terminate()
  const next = await server.peer()
  // A server that has everything up to 40.
  const serve = async (): Promise<void> => {
    await next.welcome()
    for (;;) {
      const command = await next.any()
      const { id } = command
      if (command.type === 'unsubscribe') {
        next.send({ type: 'unsubscribed', id, channel: 'a', sub: command.sub ?? 0 })
      } else if (command.type === 'subscribe') {
        const { from = '', sub = 0 } = command
        const after = Number(from.slice(1))
        next.send({ type: 'subscribed', id, channel: 'a', sub, position: from })
        next.push(
          'a',
          Array.from({ length: 40 - after }, (_, index) => after + 1 + index),
          sub,
        )
        caughtUp(next, 'p40', sub)
      }
    }
  }
  void serve()
  await expect.poll(() => seen.map(({ length }) => length)).toEqual(seen.map((_, count) => 40 - count))
  expect(client.state).toBe('connected')
  next.push('a', [41])
  await expect.poll(() => seen.every((all) => all.at(-1) === 41)).toBe(true)
})

test('a slow reader leaves the others alone, and goes on by itself until it is where they are', async () => {
  const { a, peer } = await start(4)
  const [fast, slow] = [a.subscribe(), a.subscribe()]
  const seen = record(fast)
  const items = slow[Symbol.asyncIterator]()
  await peer.subscribed('p0')
  caughtUp(peer, 'p0')
  for (const offset of [1, 2, 3, 4, 5, 6]) peer.push('a', [offset])
  await expect.poll(() => seen).toEqual([1, 2, 3, 4, 5, 6])
  expect([fast.state, slow.state]).toEqual(['live', 'paused'])
  expect(peer.waiting).toBe(0)
  expect(offsets(await take(items, 4))).toEqual([1, 2, 3, 4])
  expect(await peer.subscribed('p4')).toMatchObject({ from: 'p4', sub: 1 })
  peer.push('a', [5, 6], 1)
  caughtUp(peer, 'p6', 1)
  expect((await peer.next('unsubscribe')).sub).toBe(1)
  peer.push('a', [7])
  expect(offsets(await take(items, 3))).toEqual([5, 6, 7])
})

test('other policies, and presence, are other subscriptions; who joins is told who is present', async () => {
  const { a, peer } = await start()
  const subscribed = async (subscription: Subscription): Promise<Subscription> => {
    const { sub = 0 } = await peer.subscribed('p0')
    peer.send({ type: 'members', channel: 'a', sub, members: [member('ann')] })
    caughtUp(peer, 'p0', sub)
    await new Promise((resolve) => subscription.on('caught-up', resolve))
    return subscription
  }
  await live(peer, a, 'p0')
  await subscribed(a.subscribe({ presence: true, policy: 'skip' }))
  const first = await subscribed(a.subscribe({ presence: true }))
  expect(peer.waiting).toBe(0)
  peer.send({ type: 'member', channel: 'a', sub: 2, change: 'entered', member: member('bob') })
  await new Promise((resolve) => first.on('member', resolve))
  const second = a.subscribe({ from: 'p0', presence: true })
  const names = await new Promise((resolve) =>
    second.on('members', (members) => resolve(members.map(({ user }) => user))),
  )
  expect(names).toEqual(['ann', 'bob'])
  const changes: unknown[] = []
  for (const each of [first, second]) each.on('member', ({ change }) => changes.push(change))
  peer.send({ type: 'member', channel: 'a', sub: 2, change: 'left', member: member('bob') })
  await expect.poll(() => changes).toEqual(['left', 'left'])
  expect(peer.waiting).toBe(0)
})

test('a refusal ends all of them', async () => {
  const { a, peer } = await start()
  const all = Array.from({ length: 3 }, () => a.subscribe())
  peer.refuse(await peer.next('subscribe'), 'forbidden')
  for (const each of all) await expect(each[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'forbidden' })
})

test('a listener may subscribe and unsubscribe in the middle of a push', async () => {
  const { a, peer } = await start()
  const first = await live(peer, a, 'p0')
  const later: unknown[][] = []
  first.on('item', (item) => {
    if (item.kind !== 'publication') return
    later.push(record(a.subscribe({ from: item.position })))
    if (item.offset === 3) first.unsubscribe()
  })
  peer.push('a', [1, 2, 3, 4])
  for (const from of ['p1', 'p2', 'p3']) {
    const command = await peer.subscribed(from)
    expect(command.from).toBe(from)
    const after = Number(from.slice(1))
    peer.push(
      'a',
      Array.from({ length: 4 - after }, (_, index) => after + 1 + index),
      command.sub,
    )
  }
  await expect.poll(() => later).toEqual([[2, 3, 4], [3, 4], [4]])
})

test('one signal may end any number of subscriptions, without a warning', async () => {
  const warnings: Error[] = []
  const warned = (warning: Error): void => void warnings.push(warning)
  process.on('warning', warned)
  onTestFinished(() => void process.off('warning', warned))
  const { client } = await start()
  const abort = new AbortController()
  const all = Array.from({ length: 200 }, (_, count) =>
    client.channel(`c${count % 20}`).subscribe({ signal: abort.signal }),
  )
  const calls = Array.from({ length: 20 }, () => client.channel('a').publish(1, { signal: abort.signal }))
  all[0]?.unsubscribe()
  abort.abort()
  expect(all.every(({ state }) => state === 'ended')).toBe(true)
  expect((await Promise.all(calls)).some(({ ok }) => ok)).toBe(false)
  // Warnings are told in the next tick.
  await new Promise((resolve) => setImmediate(resolve))
  expect(warnings).toEqual([])
})
