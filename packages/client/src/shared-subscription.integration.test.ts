import { mkdtemp, rm } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { channel, defineContract } from '@tidings/contract'
import { jsonCodec } from '@tidings/protocol'
import { disk } from '@tidings/server/disk'
import { memory } from '@tidings/server/memory'
import { type LocalNode, Random, startNode } from '@tidings/testing'
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import * as z from 'zod'
import { testClient } from '../test/test-client.js'
import type { Channel, Subscription, SubscriptionItem } from './index.js'

const app = defineContract({
  'kept:{name}': channel({ data: z.number(), history: { maxCount: 10_000 }, presence: true }),
  'live:{name}': channel({ data: z.number() }),
})

const open: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

const everything = { subscribe: true, publish: true, history: true, presence: true }

const backendOf = async (kind: 'memory' | 'disk') => {
  if (kind === 'memory') return memory()
  const dir = await mkdtemp(join(tmpdir(), 'tidings-client-'))
  open.push(() => rm(dir, { recursive: true, force: true }))
  return disk({ dir })
}

const start = async (kind: 'memory' | 'disk'): Promise<{ node: LocalNode<typeof app>; cut: () => void }> => {
  const node = await startNode<typeof app>({
    contract: app,
    backend: await backendOf(kind),
    authenticate: () => null,
    allow: { 'kept:{name}': everything, 'live:{name}': everything },
    limits: { publishesPerSecond: 10_000 },
  })
  open.push(() => node.close())
  const sockets = new Set<Socket>()
  node.http.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  return { node, cut: () => sockets.forEach((socket) => socket.destroy()) }
}

/** Counts the subscriptions that the client has at the server. */
class CountingSocket extends WebSocket {
  static open = 0

  override send(data: string): void {
    for (const command of jsonCodec.decode(data) ?? []) {
      const { type } = command as { readonly type: string }
      if (type === 'connect') CountingSocket.open = 0
      if (type === 'subscribe') CountingSocket.open++
      if (type === 'unsubscribe') CountingSocket.open--
    }
    super.send(data)
  }
}

interface Watched {
  readonly subscription: Subscription<number>
  readonly seen: number[]
  /** The first number that it has to get, where that is known. */
  readonly first: number | undefined
}

const watch = (subscription: Subscription<number>, first?: number): Watched => {
  const seen: number[] = []
  subscription.on('item', (item: SubscriptionItem<number>) => seen.push(item.kind === 'publication' ? item.data : NaN))
  return { subscription, seen, first }
}

const publishTo = (channel: Channel<number, number>) => {
  let count = 0
  return {
    next: async (): Promise<void> => {
      const result = await channel.publish(++count)
      if (!result.ok) throw new Error(result.error.message)
    },
    count: () => count,
  }
}

const expectWhole = ({ seen, first }: Watched, last: number, seed = 0): void => {
  const start = seen[0] ?? last + 1
  expect(start, `seed ${seed}`).toBe(first ?? start)
  expect(seen, `seed ${seed}`).toEqual(Array.from({ length: last - start + 1 }, (_, index) => start + index))
}

test.each(['memory', 'disk'] as const)(
  '200 subscriptions to one channel at any time get everything from their start, over few of the session (%s)',
  async (kind) => {
    const { node, cut } = await start(kind)
    const seed = Math.trunc(Math.random() * 2 ** 32)
    const random = new Random(seed)
    const reader = testClient<typeof app>({ url: node.url, WebSocket: CountingSocket })
    const lobby = reader.channel('kept:{name}', { name: 'a' })
    const publisher = publishTo(testClient<typeof app>({ url: node.url }).channel('kept:{name}', { name: 'a' }))
    const all: Watched[] = []
    const positions: [number, string][] = []
    for (let step = 0; step < 300; step++) {
      if (random.chance(0.02)) cut()
      if (random.chance(0.7)) {
        const known = positions[Math.trunc(random.next() * positions.length)]
        const kindOfStart = random.next()
        if (kindOfStart < 0.4) all.push(watch(lobby.subscribe()))
        else if (kindOfStart < 0.7) all.push(watch(lobby.subscribe({ rewind: 5 })))
        else if (known) all.push(watch(lobby.subscribe({ from: known[1] }), known[0] + 1))
      }
      const [some] = all
      if (random.chance(0.2) && some && all.length > 100) {
        some.subscription.unsubscribe()
        all.shift()
      }
      if (random.chance(0.5)) {
        await publisher.next()
        const { position } = some?.subscription ?? {}
        const last = some?.seen.at(-1)
        if (position !== undefined && last !== undefined) positions.push([last, position])
      }
    }
    while (all.length < 200) all.push(watch(lobby.subscribe({ rewind: 5 })))
    await expect
      .poll(() => all.every(({ subscription }) => subscription.state === 'live'), { timeout: 60_000 })
      .toBe(true)
    await publisher.next()
    const last = publisher.count()
    await expect.poll(() => all.every(({ seen }) => seen.at(-1) === last), { timeout: 60_000 }).toBe(true)
    for (const each of all) expectWhole(each, last, seed)
    await expect.poll(() => CountingSocket.open, { message: `seed ${seed}` }).toBe(1)
  },
)

test.each(['kept:{name}', 'live:{name}'] as const)(
  'a subscription begins after what was acknowledged before, though others are there (%s)',
  async (pattern) => {
    const { node } = await start('memory')
    const channel = testClient<typeof app>({ url: node.url }).channel(pattern, { name: 'a' })
    const publisher = publishTo(channel)
    const all: Watched[] = []
    for (let step = 0; step < 50; step++) {
      all.push(watch(channel.subscribe(), publisher.count() + 1))
      await publisher.next()
    }
    const last = publisher.count()
    await expect.poll(() => all.every(({ seen }) => seen.at(-1) === last)).toBe(true)
    for (const each of all) expectWhole(each, last)
  },
)

test('200 components learn who is present', async () => {
  const { node } = await start('memory')
  const reader = testClient<typeof app>({ url: node.url }).channel('kept:{name}', { name: 'a' })
  const present = testClient<typeof app>({ url: node.url }).channel('kept:{name}', { name: 'a' }).presence
  const counts: number[] = []
  for (let component = 0; component < 200; component++) {
    const subscription = reader.subscribe({ presence: true })
    counts.push(-1)
    subscription.on('members', (members) => (counts[component] = members.length))
    subscription.on(
      'member',
      ({ change }) => (counts[component] = (counts[component] ?? 0) + (change === 'left' ? -1 : 1)),
    )
    if (component === 50) await present.enter(1)
    if (component % 20 === 0) await reader.history()
  }
  await expect.poll(() => counts.every((count) => count === 1)).toBe(true)
  await present.leave()
  await expect.poll(() => counts.every((count) => count === 0)).toBe(true)
})
