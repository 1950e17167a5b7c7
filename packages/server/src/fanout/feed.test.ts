import { describe, expect, test } from 'vitest'
import type { Cursor } from '../backend/backend.js'
import { Turn } from '../transport/turn.js'
import { latch, until } from '../node.fixture.js'
import { Feed } from './feed.js'
import { Hub } from './hub.js'
import { channel, offsets, ScriptedLog, subscribeTo } from './scripted-log.fixture.js'
import { turns } from './subscriber.fixture.js'

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
