import { describe, expect, it } from 'vitest'
import { type Harness, numbers } from './harness.js'

const MINUTE_MS = 60_000

export const describeRetention = (harness: Harness): void => {
  describe('retention and gaps', () => {
    it('keeps the latest by count, and says how many are gone', async () => {
      const channel = harness.channel({ history: { maxCount: 5 } })
      const start = await harness.tail(channel)
      const results = await harness.publishAll(channel, numbers(12))
      expect(await harness.payloads(channel)).toEqual(numbers(5, 8))
      const page = await harness.read(channel, { from: start.position })
      expect(page.gap).toMatchObject({ from: start.position, to: results[6]?.position, reason: 'trimmed' })
      harness.expectMissed(page.gap, 7)
      expect(page.publications.map(({ payload }) => payload)).toEqual(numbers(5, 8))
    })

    it('keeps the latest by bytes of data, keys and tags', async () => {
      const channel = harness.channel({ history: { maxBytes: 100 } })
      for (const number of numbers(9)) {
        await harness.publish(channel, number.repeat(20), { key: 'é', tags: { t: '12' } })
      }
      expect(await harness.payloads(channel)).toEqual(numbers(4, 6).map((number) => number.repeat(20)))
    })

    it('keeps nothing of a publication larger than the bound, and says so', async () => {
      const channel = harness.channel({ history: { maxBytes: 100 } })
      const start = await harness.tail(channel)
      await harness.publish(channel, 'x'.repeat(101))
      const page = await harness.read(channel, { from: start.position })
      expect(page).toMatchObject({ publications: [], more: false, gap: { reason: 'trimmed' } })
    })

    it('gives a gap to a reader behind a channel that keeps nothing', async () => {
      const channel = harness.channel({ history: null, durability: 'none' })
      const start = await harness.tail(channel)
      await harness.publishAll(channel, numbers(3))
      const tail = await harness.tail(channel)
      const page = await harness.read(channel, { from: start.position })
      expect(page).toMatchObject({ publications: [], more: false, end: tail })
      expect(page.gap).toMatchObject({ from: start.position, to: tail.position })
      expect(['trimmed', 'broker']).toContain(page.gap?.reason)
    })

    it('has no gap for a reader that is exactly before the oldest', async () => {
      const channel = harness.channel({ history: { maxCount: 3 } })
      const results = await harness.publishAll(channel, numbers(10))
      const page = await harness.read(channel, { from: results[6]?.position ?? '' })
      expect(page.gap).toBeNull()
      expect(page.publications.map(({ payload }) => payload)).toEqual(['8', '9', '10'])
      const behind = await harness.read(channel, { from: results[5]?.position ?? '' })
      harness.expectMissed(behind.gap, 1)
    })

    it('purges: readers behind get a gap, offsets go on', async () => {
      const channel = harness.channel()
      const start = await harness.tail(channel)
      const before = await harness.publishAll(channel, numbers(4))
      await harness.retry(() => harness.log.purge(channel))
      expect(await harness.payloads(channel)).toEqual([])
      const page = await harness.read(channel, { from: start.position })
      expect(page).toMatchObject({ publications: [], gap: { from: start.position, reason: 'purged' } })
      harness.expectMissed(page.gap, 4)
      const after = await harness.publish(channel, '5')
      expect(after.offset).toBeGreaterThan(before[3]?.offset ?? 0)
      const resumed = await harness.read(channel, { from: before[1]?.position ?? '' })
      expect(resumed.gap?.reason).toBe('purged')
      expect(resumed.publications.map(({ payload }) => payload)).toEqual(['5'])
      expect((await harness.read(channel, { from: before[3]?.position ?? '' })).gap).toBeNull()
    })

    it('applies changed rules at the next read and publish', async () => {
      const channel = harness.channel({ history: { maxCount: 100 } })
      await harness.publishAll(channel, numbers(20))
      const stricter = { ...channel, history: { maxCount: 4 } }
      expect(await harness.payloads(stricter)).toEqual(numbers(4, 17))
      await harness.publish(channel, '21')
      expect(await harness.payloads(channel)).toEqual(numbers(5, 17))
    })

    it('answers a position it did not make with the gap epoch-changed to the tail, in both directions', async () => {
      const channel = harness.channel()
      const other = harness.channel()
      const [, , last] = await harness.publishAll(channel, numbers(3))
      await harness.publishAll(other, numbers(9))
      const foreign = ['', 'x', '1', ':', 'AAAAAAAAAAAA:1', '0:0', `${last?.position}0`, '\u0000', 'x'.repeat(128)]
      const tail = await harness.tail(channel)
      for (const from of foreign) {
        const page = await harness.read(channel, { from })
        expect(page).toEqual({
          gap: { from, to: tail.position, reason: 'epoch-changed', missed: null },
          publications: [],
          end: tail,
          more: false,
        })
        const { publications, gaps } = await harness.readAll(channel, { from, direction: 'backward' })
        expect(gaps).toMatchObject([{ from, to: tail.position, reason: 'epoch-changed' }])
        expect(publications.map(({ payload }) => payload)).toEqual(['3', '2', '1'])
      }
    })

    if (harness.subject.fakeClock) describeAge(harness)
  })
}

const describeAge = (harness: Harness): void => {
  it('keeps the latest by age, also when nothing is published', async () => {
    const channel = harness.channel({ history: { maxAgeMs: 10 * MINUTE_MS } })
    const start = await harness.tail(channel)
    await harness.publish(channel, 'a')
    harness.clock.advance(6 * MINUTE_MS)
    const second = await harness.publish(channel, 'b')
    harness.clock.advance(6 * MINUTE_MS)
    expect(await harness.payloads(channel)).toEqual(['b'])
    harness.clock.advance(6 * MINUTE_MS)
    const page = await harness.read(channel, { from: start.position })
    expect(page).toMatchObject({
      publications: [],
      gap: { from: start.position, to: second.position, reason: 'expired' },
    })
    harness.expectMissed(page.gap, 2)
  })

  it('names the reason for what is missing first', async () => {
    const channel = harness.channel({ history: { maxAgeMs: 10 * MINUTE_MS, maxCount: 3 } })
    const start = await harness.tail(channel)
    const first = await harness.publishAll(channel, numbers(2))
    harness.clock.advance(11 * MINUTE_MS)
    await harness.publishAll(channel, numbers(5, 3))
    const behind = await harness.read(channel, { from: start.position })
    expect(behind.gap?.reason).toBe('expired')
    harness.expectMissed(behind.gap, 4)
    const closer = await harness.read(channel, { from: first[1]?.position ?? '' })
    expect(closer.gap?.reason).toBe('trimmed')
    harness.expectMissed(closer.gap, 2)
  })
}
