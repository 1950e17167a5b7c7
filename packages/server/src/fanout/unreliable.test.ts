import { setTimeout as sleep } from 'node:timers/promises'
import { jsonCodec, type Position, type SlowPolicy } from '@tidings/protocol'
import { unreliable } from '@tidings/testing/backend-suite'
import { expect, test } from 'vitest'
import type { Cursor, Log, LogChannel } from '../backend/backend.js'
import { memory } from '../backend/memory/index.js'
import { Turn } from '../transport/turn.js'
import { until } from '../node.fixture.js'
import { Hub } from './hub.js'
import { connectPeer, follow, type Item, itemsOf, turns } from './subscriber.fixture.js'
import { variantOf } from './encode.js'
import { nobody, unpaced } from './scripted-log.fixture.js'
import { Subscription } from './subscription.js'

const PUBLISHERS = 5
const SUBSCRIBERS = 10
const PUBLICATIONS = 30
const AUDIT_INTERVAL_MS = 10
const NO_FAULTS = { lost: 0, twice: 0, late: 0, unknownPrevious: 0, failing: 0, maxDelayMs: 0 }

/** The same numbers for the same seed. */
const randomFrom = (seed: number): ((below: number) => number) => {
  let state = seed * 2_654_435_761
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const retried = async <Result>(call: () => Promise<Result>): Promise<Result> => {
  for (;;) {
    try {
      return await call()
    } catch {
      await turns(1)
    }
  }
}

interface World {
  readonly log: Log
  readonly hub: Hub
  readonly turn: Turn
  readonly channel: LogChannel
  readonly random: (below: number) => number
  readonly calm: () => boolean
  /** How long a publisher waits at most: a feed is seldom whole in a hurry, and often with time. */
  readonly pauseMs: number
}

/** What one subscriber was given over all its sessions; each resumes where the one before ended. */
interface Record {
  start: Position
  readonly items: Item[]
  /** What the latest session was given. */
  current: () => readonly Item[]
}

const endOf = ({ start, items, current }: Record): Position => {
  const last = [...items, ...current()].at(-1)
  return last === undefined ? start : 'gap' in last ? last.gap.to : last.publication.position
}

const startOf = async ({ log, channel, random }: World, record: Record, live: Cursor): Promise<Cursor> => {
  if (record.start !== '') return { position: endOf(record), offset: -1 }
  const cursor = random(2) === 0 ? live : await retried(() => log.rewind(channel, { count: random(20) }))
  record.start = cursor.position
  return cursor
}

/** One session after the other until all is calm; the last one stays. */
const subscribe = async (world: World, record: Record, policy: SlowPolicy): Promise<void> => {
  const { hub, turn, log, channel, random, calm, pauseMs } = world
  for (;;) {
    const feed = await retried(() => hub.acquire(channel))
    const { peer, outbound } = connectPeer(turn, 1000)
    const cursor = await startOf(world, record, feed.cursor)
    record.items.push(...record.current())
    record.current = () => itemsOf(peer.received)
    const parts = {
      feed,
      log,
      variant: variantOf(jsonCodec, 0, false),
      outbound,
      policy,
      owner: nobody,
      pages: unpaced,
    }
    const subscription = new Subscription(parts, cursor)
    subscription.start()
    for (let step = random(40); step > 0 && !calm(); step--) {
      if (random(pauseMs > 0 ? 20 : 4) === 0) peer.stopReading()
      else peer.goOnReading()
      if (pauseMs > 0) await sleep(random(5))
      else await turns(1 + random(4))
    }
    peer.goOnReading()
    if (calm()) return
    subscription.end()
    hub.release(feed)
  }
}

const publish = async ({ log, channel, random, pauseMs }: World, publisher: number): Promise<void> => {
  for (let index = 0; index < PUBLICATIONS; index++) {
    const payload = JSON.stringify('x'.repeat(random(600)))
    const scope = `user:${publisher}`
    await retried(() => log.publish(channel, { id: `${index}`, scope, publisher: scope, payload }))
    if (pauseMs > 0) await sleep(random(pauseMs))
    else if (random(3) === 0) await turns(random(5))
  }
}

const seeds = Array.from({ length: 24 }, (_, index) => index + 1)

test.each(seeds)(
  'keeps the order without hole or duplicate on a backend that is unreliable (seed %i)',
  async (seed) => {
    const random = randomFrom(seed)
    const inner = memory()
    const backend = unreliable(inner, { seed, failing: 0.05, maxDelayMs: 2 })
    await backend.open(() => undefined)
    const history = { maxCount: seed % 3 === 0 ? 12 : 10_000 }
    const channel: LogChannel = { name: 'a', durability: 'memory', history, dedupeWindowMs: 60_000 }
    const stored = (await inner.log.tails([channel])).map(({ position }) => position)
    await inner.log.watch(channel, {
      publication: ({ position }) => void stored.push(position),
      suspect: () => undefined,
    })
    const turn = new Turn()
    const hub = new Hub(backend.log, turn, AUDIT_INTERVAL_MS)
    let isCalm = false
    const world: World = {
      log: backend.log,
      hub,
      turn,
      channel,
      random,
      calm: () => isCalm,
      pauseMs: seed % 2 === 0 ? 10 : 0,
    }
    const records = Array.from({ length: SUBSCRIBERS }, (): Record => ({ start: '', items: [], current: () => [] }))
    const subscribing = records.map((record, index) => subscribe(world, record, index % 5 === 4 ? 'skip' : 'catch-up'))

    const publishing = Promise.all(Array.from({ length: PUBLISHERS }, (_, index) => publish(world, index)))
    const published = publishing.then(() => true)
    while (!(await Promise.race([published, sleep(random(8), false)]))) {
      backend.outage(random(seed % 2 === 0 ? 12 : 3) === 0)
      if (seed % 4 === 0 && random(4) === 0) await inner.log.purge(channel)
    }
    isCalm = true
    backend.setRates(NO_FAULTS)
    backend.outage(false)
    await Promise.all(subscribing)

    const tail = stored.at(-1) ?? ''
    await until(() => records.every((record) => endOf(record) === tail))
    expect(stored).toHaveLength(1 + PUBLISHERS * PUBLICATIONS)
    for (const record of records) {
      const items = [...record.items, ...record.current()]
      const { problem, missed } = follow(stored, record.start, items)
      expect(problem).toBeUndefined()
      const offsets = items.flatMap((item) => ('publication' in item ? [item.publication.offset] : []))
      expect(offsets).toEqual([...offsets].sort((a, b) => a - b))
      expect(offsets.length + missed).toBe(stored.length - 1 - stored.indexOf(record.start))
    }
    hub.close()
    await backend.close()
  },
)
