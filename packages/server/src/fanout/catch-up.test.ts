import { jsonCodec } from '@tidings/protocol'
import { describe, expect, test } from 'vitest'
import { memory } from '../backend/memory/index.js'
import { buildDataFrame } from '../transport/frame.js'
import { Turn } from '../transport/turn.js'
import { afterTest, latch, until } from '../node.fixture.js'
import { Hub } from './hub.js'
import { channel, nobody, offsets, ScriptedLog, subscribeTo, unpaced } from './scripted-log.fixture.js'
import { connectPeer, itemsOf, turns } from './subscriber.fixture.js'
import { variantOf } from './encode.js'
import { Subscription } from './subscription.js'

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
    const parts = {
      feed,
      log: backend.log,
      variant: variantOf(jsonCodec, 0, false),
      outbound,
      policy: 'catch-up',
    } as const
    const subscription = new Subscription({ ...parts, owner: nobody, pages: unpaced }, start)
    subscription.start()
    await until(() => peer.received.some(({ type }) => type === 'caught-up'))
    expect(peer.received).toMatchObject([
      { type: 'gap', reason: 'trimmed', missed: 2 },
      { type: 'publications', publications: [{ offset: 4 }, { offset: 5 }] },
      { type: 'caught-up' },
    ])
    hub.close()
  })

  test('counts the bytes that it sends, and an eighth of them for a page that another one had read', async () => {
    const backend = memory()
    await backend.open(() => undefined)
    afterTest(() => backend.close())
    const short = { ...channel, history: { maxCount: 2 } }
    const [start] = await backend.log.tails([short])
    for (const id of ['a', 'b', 'c', 'd']) {
      await backend.log.publish(short, { id, scope: 's', publisher: null, payload: JSON.stringify(id.repeat(500)) })
    }
    const hub = new Hub(backend.log, new Turn())
    afterTest(() => hub.close())
    const feed = await hub.acquire(short)
    const costs: number[] = []
    const pages = { run: async (read: () => Promise<number>) => void costs.push(await read()) }
    const catchUp = async (): Promise<number> => {
      const { peer, outbound } = connectPeer(new Turn())
      const parts = { feed, log: backend.log, variant: variantOf(jsonCodec, 0, false), outbound, pages, owner: nobody }
      const cursor = { position: start?.position ?? '', offset: -1 }
      const subscription = new Subscription({ ...parts, policy: 'catch-up' }, cursor)
      subscription.start()
      await until(() => peer.received.some(({ type }) => type === 'caught-up'))
      subscription.end()
      const pushed = peer.received.filter(({ type }) => type !== 'caught-up')
      expect(pushed.map(({ type }) => type)).toEqual(['gap', 'publications'])
      return pushed.reduce((sum, message) => sum + buildDataFrame(jsonCodec.encode(message)).length, 0)
    }
    const bytes = await catchUp()
    expect(await catchUp()).toBe(bytes)
    feed.pages.clear()
    await catchUp()
    expect(costs).toEqual([bytes, bytes / 8, bytes])
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
      const parts = {
        feed,
        log: backend.log,
        variant: variantOf(jsonCodec, sub, false),
        outbound,
        policy: 'catch-up',
      } as const
      return new Subscription({ ...parts, owner: nobody, pages: unpaced }, oldest)
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
  outbound.write(
    Buffer.concat([Buffer.from([0x81, 127, 0, 0, 0, 0, 0, 0, 0x80, 2]), Buffer.from(`"${'x'.repeat(32_768)}"`)]),
  )
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
