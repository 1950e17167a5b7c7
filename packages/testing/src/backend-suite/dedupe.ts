import { describe, expect, it } from 'vitest'
import { type Harness, numbers, rejection } from './harness.js'

const WINDOW_MS = 60_000

export const describeDedupe = (harness: Harness): void => {
  describe('publication ids', () => {
    it('answers a repeated publish with the first one’s place and stores nothing', async () => {
      const channel = harness.channel()
      const fields = { id: 'once', key: 'k', tags: { a: '1', b: '2' } }
      const first = await harness.publish(channel, 'x', fields)
      await harness.publish(channel, 'other')
      const again = await harness.publish(channel, 'x', { ...fields, tags: { b: '2', a: '1' } })
      expect(again).toEqual({ ...first, duplicate: true })
      expect(await harness.payloads(channel)).toEqual(['x', 'other'])
    })

    it('refuses the same id with another payload, key or tags', async () => {
      const channel = harness.channel()
      const publication = harness.newPublication('1', { key: 'k', tags: { a: '1' } })
      await harness.retry(() => harness.log.publish(channel, publication))
      const others = [
        { ...publication, payload: '2' },
        { ...publication, payload: new TextEncoder().encode('1') },
        { ...publication, key: 'K' },
        { ...publication, tags: { a: '2' } },
        { ...publication, tags: { a: '1', b: '1' } },
      ]
      for (const other of others) {
        expect(await rejection(harness.retry(() => harness.log.publish(channel, other)))).toBe('id-conflict')
      }
      const long = harness.newPublication(JSON.stringify('x'.repeat(5000)))
      await harness.retry(() => harness.log.publish(channel, long))
      const altered = { ...long, payload: JSON.stringify(`${'x'.repeat(4999)}y`) }
      expect(await rejection(harness.retry(() => harness.log.publish(channel, altered)))).toBe('id-conflict')
      expect((await harness.payloads(channel)).length).toBe(2)
    })

    it('keeps apart the ids of scopes and of channels', async () => {
      const [channel, other] = [harness.channel(), harness.channel()]
      await harness.publish(channel, '1', { id: 'a', scope: 'user:1' })
      const results = [
        await harness.publish(channel, '2', { id: 'a', scope: 'user:2' }),
        await harness.publish(channel, '3', { id: '1a', scope: 'user:' }),
        await harness.publish(channel, '4', { id: ':1a', scope: 'user' }),
        await harness.publish(other, '5', { id: 'a', scope: 'user:1' }),
      ]
      expect(results.map(({ duplicate }) => duplicate)).toEqual([false, false, false, false])
      expect(await harness.payloads(channel)).toEqual(['1', '2', '3', '4'])
    })

    it('makes one publication of many concurrent publishes with one id', async () => {
      const channel = harness.channel()
      const publication = harness.newPublication('once')
      const results = await Promise.all(
        numbers(20).map(() => harness.retry(() => harness.log.publish(channel, publication))),
      )
      expect(new Set(results.map(({ position }) => position)).size).toBe(1)
      expect(results.filter(({ duplicate }) => !duplicate).length).toBeLessThanOrEqual(1)
      expect(await harness.payloads(channel)).toEqual(['once'])
    })

    it('tells of a conflict also while the first publish is under way', async () => {
      const channel = harness.channel()
      const publication = harness.newPublication('first')
      const first = harness.retry(() => harness.log.publish(channel, publication))
      const second = rejection(harness.retry(() => harness.log.publish(channel, { ...publication, payload: '2' })))
      await first
      expect(await second).toBe('id-conflict')
    })

    it('remembers ids after retention and purge took the publications', async () => {
      const channel = harness.channel({ history: { maxCount: 1 } })
      const first = await harness.publish(channel, 'a', { id: 'first' })
      const second = await harness.publish(channel, 'b', { id: 'second' })
      await harness.retry(() => harness.log.purge(channel))
      expect(await harness.publish(channel, 'a', { id: 'first' })).toEqual({ ...first, duplicate: true })
      expect(await harness.publish(channel, 'b', { id: 'second' })).toEqual({ ...second, duplicate: true })
    })

    it('remembers ids of channels that keep nothing', async () => {
      const channel = harness.channel({ history: null, durability: 'none' })
      const first = await harness.publish(channel, 'a', { id: 'first' })
      expect(await harness.publish(channel, 'a', { id: 'first' })).toEqual({ ...first, duplicate: true })
    })

    if (harness.subject.fakeClock) describeWindow(harness)
  })
}

const describeWindow = (harness: Harness): void => {
  it('forgets an id when its window is over', async () => {
    const channel = harness.channel({ dedupeWindowMs: WINDOW_MS })
    const first = await harness.publish(channel, 'a', { id: 'x' })
    harness.clock.advance(WINDOW_MS - 1000)
    expect(await harness.publish(channel, 'a', { id: 'x' })).toEqual({ ...first, duplicate: true })
    harness.clock.advance(2000)
    const renewed = await harness.publish(channel, 'b', { id: 'x' })
    expect(renewed).toMatchObject({ duplicate: false })
    expect(await harness.payloads(channel)).toEqual(['a', 'b'])
    harness.clock.advance(WINDOW_MS - 1000)
    expect(await harness.publish(channel, 'b', { id: 'x' })).toEqual({ ...renewed, duplicate: true })
  })

  it('counts the window in time that passed, whatever the wall clock says', async () => {
    const channel = harness.channel({ dedupeWindowMs: WINDOW_MS, history: { maxCount: 100 } })
    const first = await harness.publish(channel, 'a', { id: 'x' })
    harness.clock.jump(WINDOW_MS * 100)
    expect(await harness.publish(channel, 'a', { id: 'x' })).toEqual({ ...first, duplicate: true })
    harness.clock.jump(-WINDOW_MS * 1000)
    harness.clock.advance(WINDOW_MS + 1000)
    expect(await harness.publish(channel, 'a', { id: 'x' })).toMatchObject({ duplicate: false })
  })

  it('keeps windows of different lengths apart', async () => {
    const long = harness.channel({ dedupeWindowMs: WINDOW_MS * 10 })
    const short = harness.channel({ dedupeWindowMs: WINDOW_MS })
    await harness.publish(long, 'a', { id: 'x' })
    await harness.publish(short, 'a', { id: 'x' })
    harness.clock.advance(WINDOW_MS * 2)
    expect(await harness.publish(long, 'a', { id: 'x' })).toMatchObject({ duplicate: true })
    expect(await harness.publish(short, 'a', { id: 'x' })).toMatchObject({ duplicate: false })
  })
}
