import { describe, expect, test } from 'vitest'
import { jsonCodec } from '@tidings/protocol'
import type { Cursor, Log, LogChannel, LogListener, Page, StoredPublication } from '../backend/backend.js'
import { memory } from '../backend/memory/index.js'
import { Turn } from '../transport/turn.js'
import { afterTest, latch, until } from '../node.fixture.js'
import { Feed } from './feed.js'
import { Hub } from './hub.js'
import { connectPeer, itemsOf, turns } from './subscriber.fixture.js'
import { Subscription } from './subscription.js'

const channel: LogChannel = { name: 'a', durability: 'memory', history: { maxCount: 10_000 }, dedupeWindowMs: 1000 }

/** A log that a test plays by hand: what is stored and what is noticed are two things. */
class ScriptedLog implements Log {
  readonly notices: 'exact' | 'hints'
  epoch = 'A'
  stored: StoredPublication[] = []
  reads = 0
  /** What a read waits for. */
  beforeRead: () => Promise<void> = () => Promise.resolve()
  fails = false
  listener: LogListener | undefined

  constructor(notices: 'exact' | 'hints') {
    this.notices = notices
  }

  store(offset: number): StoredPublication {
    const publication = this.make(offset)
    this.stored.push(publication)
    return publication
  }

  make(offset: number): StoredPublication {
    const payload = JSON.stringify(offset)
    return { offset, position: `${this.epoch}:${offset}`, time: offset, payload, publisher: null, id: `${offset}` }
  }

  /** Stores, and tells as 'exact' does. */
  publishAt(offset: number): void {
    const previous = this.tail().offset
    const stored = this.store(offset)
    this.listener?.publication(stored, previous)
  }

  tail(): Cursor {
    const { position, offset } = this.stored.at(-1) ?? { position: `${this.epoch}:0`, offset: 0 }
    return { position, offset }
  }

  async read(_channel: LogChannel, { from, limit }: { readonly from?: unknown; readonly limit: number }): Promise<Page> {
    this.reads += 1
    const page = this.#page(typeof from === 'string' ? from : '', limit)
    await this.beforeRead()
    if (this.fails) throw new Error('away')
    return page
  }

  #page(from: string, limit: number): Page {
    const [epoch, offset] = from.split(':')
    if (epoch !== this.epoch) {
      const gap = { from, to: this.tail().position, reason: 'epoch-changed', missed: null } as const
      return { gap, publications: [], end: this.tail(), more: false }
    }
    const after = this.stored.filter((publication) => publication.offset > Number(offset))
    const publications = after.slice(0, limit)
    const last = publications.at(-1)
    const end = last ?? { position: from, offset: Number(offset) }
    return { gap: null, publications, end: { position: end.position, offset: end.offset }, more: after.length > limit }
  }

  tails(): Promise<readonly Cursor[]> {
    return Promise.resolve([this.tail()])
  }

  watch(_channel: LogChannel, listener: LogListener): Promise<{ stop(): void }> {
    this.listener = listener
    return Promise.resolve({ stop: () => (this.listener = undefined) })
  }

  rewind(): Promise<Cursor> {
    return Promise.resolve(this.tail())
  }

  publish(): never {
    throw new Error('not played')
  }

  purge(): never {
    throw new Error('not played')
  }
}

const subscribeTo = async (
  log: Log,
  from?: Cursor,
  { policy = 'catch-up', auditIntervalMs = 60_000 }: { policy?: 'catch-up' | 'skip'; auditIntervalMs?: number } = {},
) => {
  const turn = new Turn()
  const hub = new Hub(log, turn, auditIntervalMs)
  const feed = await hub.acquire(channel)
  const { peer, outbound } = connectPeer(turn, 16_384)
  const disconnectSlow = (): void => undefined
  const parts = { feed, log, codec: jsonCodec, outbound, sub: 0, policy, disconnectSlow } as const
  const subscription = new Subscription(parts, from ?? feed.cursor)
  afterTest(() => {
    subscription.end()
    hub.close()
    return Promise.resolve()
  })
  return { feed, hub, peer, outbound, subscription, turn }
}

const offsets = (received: Parameters<typeof itemsOf>[0]): readonly (number | string)[] =>
  itemsOf(received).map((item) => ('gap' in item ? `${item.gap.from}→${item.gap.to}` : item.publication.offset))

describe('a feed', () => {
  test('drops a notice that it has and reads where one shows a hole', async () => {
    const log = new ScriptedLog('hints')
    const { peer, subscription } = await subscribeTo(log)
    subscription.start()
    log.publishAt(3)
    log.listener?.publication(log.make(3), 0)
    log.store(9)
    log.publishAt(12)
    log.listener?.publication(log.make(9), null)
    await until(() => offsets(peer.received).length === 3)
    log.store(15)
    log.listener?.publication(log.store(18), null)
    await until(() => offsets(peer.received).length === 5)
    expect(offsets(peer.received)).toEqual([3, 9, 12, 15, 18])
  })

  test('finds what was never noticed when it is audited', async () => {
    const log = new ScriptedLog('hints')
    const { peer, subscription } = await subscribeTo(log, undefined, { auditIntervalMs: 5 })
    subscription.start()
    log.store(4)
    await until(() => offsets(peer.received).length === 1)
    expect(offsets(peer.received)).toEqual([4])
  })

  test('tries again until the log answers', async () => {
    const log = new ScriptedLog('hints')
    const { peer, subscription } = await subscribeTo(log)
    subscription.start()
    log.store(4)
    log.fails = true
    log.listener?.suspect()
    await until(() => log.reads > 1)
    log.fails = false
    await until(() => offsets(peer.received).length === 1)
  })

  test('takes what is noticed between its watch and its start', async () => {
    const log = new ScriptedLog('exact')
    const asked = latch()
    const tails = latch<readonly Cursor[]>()
    log.tails = () => {
      asked.open()
      return tails.opened
    }
    const turn = new Turn()
    const feed = new Feed(channel, log, turn)
    const started = feed.start()
    await asked.opened
    const tail = log.tail()
    log.publishAt(1)
    tails.open([tail])
    await started
    await until(() => feed.cursor.offset === 1)
    feed.stop()
  })

  test('reads again for a notice that comes in the turn in which a reading ends', async () => {
    for (let steps = 0; steps < 12; steps++) {
      const log = new ScriptedLog('hints')
      const { feed } = await subscribeTo(log)
      log.store(1)
      const reading = feed.repair()
      let left = steps
      const noticeLater = (): void => {
        if (left-- > 0) queueMicrotask(noticeLater)
        else log.listener?.publication(log.store(2), null)
      }
      noticeLater()
      await reading
      await turns(6)
      expect(feed.cursor.offset, `after ${steps} microtasks`).toBe(2)
    }
  })

  test('stops its watch when it was stopped while it started', async () => {
    const log = new ScriptedLog('exact')
    const hub = new Hub(log, new Turn())
    const acquired = hub.acquire(channel)
    hub.close()
    await acquired
    expect(log.listener).toBeUndefined()
  })

  test('tells a gap in its place when the log lost its identity', async () => {
    const log = new ScriptedLog('hints')
    log.publishAt(7)
    const { peer, subscription } = await subscribeTo(log, undefined, { auditIntervalMs: 5 })
    subscription.start()
    log.epoch = 'B'
    log.stored = []
    log.store(2)
    await until(() => offsets(peer.received).length === 1)
    log.publishAt(5)
    await until(() => offsets(peer.received).length === 2)
    expect(offsets(peer.received)).toEqual(['A:7→B:2', 5])
  })
})

describe('a subscription that catches up', () => {
  test('does not hold up the process when the page after its position goes beyond what was told', async () => {
    const backend = memory()
    await backend.open(() => undefined)
    afterTest(() => backend.close())
    const [tail] = await backend.log.tails([channel])
    const { peer, subscription } = await subscribeTo(backend.log, { position: tail?.position ?? '', offset: -1 })
    for (let id = 0; id < 4; id++) {
      const payload = JSON.stringify('x'.repeat(30_000))
      await backend.log.publish(channel, { id: `${id}`, scope: 's', publisher: null, payload })
    }
    subscription.start()
    await until(() => offsets(peer.received).length === 4)
    expect(offsets(peer.received)).toEqual([1, 2, 3, 4])
    expect(peer.received.filter(({ type }) => type === 'caught-up')).toHaveLength(1)
  })

  test('does not take a place in the lost log for the same place in the new one', async () => {
    const log = new ScriptedLog('hints')
    for (const offset of [1, 2, 3]) log.store(offset)
    const { feed, peer, subscription } = await subscribeTo(log, { position: 'A:1', offset: -1 })
    const reached = latch()
    const goOn = latch()
    log.beforeRead = () => {
      log.beforeRead = () => Promise.resolve()
      reached.open()
      return goOn.opened
    }
    subscription.start()
    await reached.opened
    log.epoch = 'B'
    log.stored = []
    for (const offset of [1, 2, 3]) log.store(offset)
    await feed.repair()
    await turns(2)
    expect(feed.cursor).toEqual({ position: 'B:3', offset: 3 })
    goOn.open()
    await until(() => peer.received.some(({ type }) => type === 'caught-up'))
    log.publishAt(4)
    await until(() => offsets(peer.received).includes(4))
    expect(offsets(peer.received)).toEqual(['A:1→B:3', 4])
  })

  test('joins at sparse offsets after a trimmed start', async () => {
    const backend = memory()
    await backend.open(() => undefined)
    afterTest(() => backend.close())
    const short = { ...channel, name: 'short', history: { maxCount: 2 } }
    for (let id = 0; id < 5; id++) {
      await backend.log.publish(short, { id: `${id}`, scope: 's', publisher: null, payload: `${id}` })
    }
    const hub = new Hub(backend.log, new Turn())
    const turn = new Turn()
    const feed = await hub.acquire(short)
    const { peer, outbound } = connectPeer(turn)
    const first = (await backend.log.read(short, { direction: 'forward', limit: 1, maxBytes: 1 })).end.position
    const start = { position: first.replace(/\d+$/, '1'), offset: -1 }
    const parts = { feed, log: backend.log, codec: jsonCodec, outbound, sub: 0, policy: 'catch-up' } as const
    const subscription = new Subscription({ ...parts, disconnectSlow: () => undefined }, start)
    subscription.start()
    await until(() => peer.received.some(({ type }) => type === 'caught-up'))
    expect(peer.received).toMatchObject([
      { type: 'gap', reason: 'trimmed', missed: 2 },
      { type: 'publications', publications: [{ offset: 4 }, { offset: 5 }] },
      { type: 'caught-up' },
    ])
    hub.close()
  })

  test('holds one page for all subscriptions of a connection that takes nothing', async () => {
    const backend = memory()
    await backend.open(() => undefined)
    afterTest(() => backend.close())
    for (let id = 0; id < 10; id++) {
      const payload = JSON.stringify('x'.repeat(60_000))
      await backend.log.publish(channel, { id: `${id}`, scope: 's', publisher: null, payload })
    }
    const { feed, peer, outbound } = await subscribeTo(backend.log)
    peer.stopReading()
    const [oldest] = [await backend.log.rewind(channel, { count: 10 })]
    const subscriptions = Array.from({ length: 16 }, (_, sub) => {
      const parts = { feed, log: backend.log, codec: jsonCodec, outbound, sub, policy: 'catch-up' } as const
      return new Subscription({ ...parts, disconnectSlow: () => undefined }, oldest)
    })
    for (const subscription of subscriptions) subscription.start()
    await turns(20)
    expect(outbound.bufferedBytes).toBeGreaterThan(16_384)
    expect(outbound.bufferedBytes).toBeLessThan(300_000)
    peer.goOnReading()
    await until(() => peer.received.filter(({ type }) => type === 'caught-up').length === 16)
    for (const [sub] of subscriptions.entries()) expect(itemsOf(peer.received, sub)).toHaveLength(10)
    for (const subscription of subscriptions) subscription.end()
  })
})

test('a subscription that skips does not lose a gap that went by meanwhile', async () => {
  const log = new ScriptedLog('hints')
  log.publishAt(7)
  const { peer, outbound, subscription, feed } = await subscribeTo(log, undefined, { policy: 'skip' })
  subscription.start()
  await until(() => peer.received.length > 0)
  peer.stopReading()
  outbound.write(Buffer.concat([Buffer.from([0x81, 127, 0, 0, 0, 0, 0, 0, 0x80, 2]), Buffer.from(`"${'x'.repeat(32_768)}"`)]))
  log.epoch = 'B'
  log.stored = []
  log.store(2)
  await feed.repair()
  await turns(3)
  peer.goOnReading()
  await until(() => offsets(peer.received).length > 0)
  log.publishAt(3)
  await until(() => offsets(peer.received).length === 2)
  expect(offsets(peer.received)).toEqual(['A:7→B:2', 3])
  expect(itemsOf(peer.received)[0]).toMatchObject({ gap: { reason: 'skipped', missed: null } })
})
