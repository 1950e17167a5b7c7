import type { HistoryRules } from '@tidings/contract'
import type { LogChannel } from '@tidings/server'
import { describe, expect, it } from 'vitest'
import { type Harness, numbers } from './harness.js'

export const describeHistory = (harness: Harness): void => {
  describe('reading', () => {
    it('pages forward and backward without hole or repetition', async () => {
      const channel = harness.channel()
      await harness.publishAll(channel, numbers(25))
      for (const limit of [1, 7, 25, 26]) {
        expect(await harness.payloads(channel, { limit })).toEqual(numbers(25))
        expect(await harness.payloads(channel, { limit, direction: 'backward' })).toEqual(numbers(25).reverse())
      }
    })

    it('starts after a position forward, and before it backward', async () => {
      const channel = harness.channel()
      const results = await harness.publishAll(channel, numbers(10))
      const from = results[4]?.position ?? ''
      expect(await harness.payloads(channel, { from, limit: 2 })).toEqual(numbers(5, 6))
      expect(await harness.payloads(channel, { from, limit: 2, direction: 'backward' })).toEqual(numbers(4).reverse())
    })

    it('says where a page ends and whether there is more', async () => {
      const channel = harness.channel()
      const results = await harness.publishAll(channel, numbers(4))
      const page = await harness.read(channel, { limit: 2 })
      expect(page).toMatchObject({ gap: null, more: true, end: cursorOf(results[1]) })
      const last = await harness.read(channel, { from: page.end.position, limit: 2 })
      expect(last).toMatchObject({ gap: null, more: false, end: cursorOf(results[3]) })
      const beyond = await harness.read(channel, { from: last.end.position })
      expect(beyond).toEqual({ gap: null, publications: [], more: false, end: cursorOf(results[3]) })
    })

    it('ends a page once its payloads have enough bytes, but not before the first', async () => {
      const channel = harness.channel()
      await harness.publishAll(channel, [...numbers(6).map((number) => number.repeat(100)), 'x'])
      expect((await harness.read(channel, { maxBytes: 1 })).publications).toHaveLength(1)
      expect((await harness.read(channel, { maxBytes: 250 })).publications).toHaveLength(3)
      expect((await harness.read(channel, { maxBytes: 300 })).publications).toHaveLength(3)
      expect((await harness.read(channel, { maxBytes: 250, direction: 'backward' })).publications).toHaveLength(4)
      expect(await harness.payloads(channel, { maxBytes: 150 })).toHaveLength(7)
    })

    it('answers an empty channel with an empty page at its beginning', async () => {
      const channel = harness.channel()
      const tail = await harness.tail(channel)
      expect(tail.offset).toBe(0)
      for (const direction of ['forward', 'backward'] as const) {
        const page = await harness.read(channel, { direction })
        expect(page).toMatchObject({ gap: null, publications: [], more: false, end: tail })
      }
      await harness.publish(channel, '1')
      expect(await harness.payloads(channel, { from: tail.position })).toEqual(['1'])
    })

    it('gives the tails of many channels in the order asked', async () => {
      const channels = [harness.channel(), harness.channel(), harness.channel()]
      const results = await Promise.all(
        channels.map((channel, index) => harness.publishAll(channel, numbers(3 - index))),
      )
      const asked = channels.toReversed()
      const tails = await harness.retry(() => harness.log.tails(asked))
      expect(tails).toEqual(results.toReversed().map((published) => cursorOf(published.at(-1))))
      expect(await harness.log.tails([])).toEqual([])
    })

    it('rewinds by count', async () => {
      const channel = harness.channel({ history: { maxCount: 8 } })
      const results = await harness.publishAll(channel, numbers(10))
      const rewind = (count: number): Promise<unknown> => harness.retry(() => harness.log.rewind(channel, { count }))
      expect(await rewind(0)).toEqual(cursorOf(results[9]))
      expect(await rewind(3)).toEqual(cursorOf(results[6]))
      expect(await rewind(8)).toEqual(cursorOf(results[1]))
      expect(await rewind(1000)).toEqual(cursorOf(results[1]))
      const empty = harness.channel()
      expect(await harness.retry(() => harness.log.rewind(empty, { count: 5 }))).toEqual(await harness.tail(empty))
    })

    if (harness.subject.fakeClock) describeTimes(harness)
  })
}

const describeTimes = (harness: Harness): void => {
  it('starts at a time', async () => {
    const channel = harness.channel()
    const times: number[] = []
    for (const number of numbers(6)) {
      harness.clock.advance(1000)
      times.push((await harness.publish(channel, number)).time)
    }
    const at = (index: number): { readonly time: number } => ({ time: times[index] ?? 0 })
    expect(await harness.payloads(channel, { from: at(3) })).toEqual(['4', '5', '6'])
    expect(await harness.payloads(channel, { from: { time: at(3).time + 1 } })).toEqual(['5', '6'])
    expect(await harness.payloads(channel, { from: { time: 0 } })).toEqual(numbers(6))
    expect(await harness.payloads(channel, { from: { time: at(5).time + 1 } })).toEqual([])
    const backward = { direction: 'backward', limit: 2 } as const
    expect(await harness.payloads(channel, { from: at(3), ...backward })).toEqual(['3', '2', '1'])
    expect(await harness.payloads(channel, { from: { time: at(3).time + 1 }, ...backward })).toEqual(
      numbers(4).reverse(),
    )
    expect(await harness.payloads(channel, { from: { time: 0 }, ...backward })).toEqual([])
  })

  const losing: readonly [string, HistoryRules, (channel: LogChannel) => unknown, string][] = [
    ['count', { maxCount: 3 }, () => undefined, 'trimmed'],
    ['bytes', { maxBytes: 3 }, () => undefined, 'trimmed'],
    ['age', { maxAgeMs: 3500 }, () => undefined, 'expired'],
    ['a purge', { maxCount: 100 }, (channel) => harness.retry(() => harness.log.purge(channel)), 'purged'],
  ]
  it.each(losing)('tells that some are gone by %s when it starts at a time', async (_by, history, lose, reason) => {
    const channel = harness.channel({ history })
    const times: number[] = []
    for (const number of numbers(7)) {
      times.push((await harness.publish(channel, number)).time)
      harness.clock.advance(1000)
      if (number === '4') await lose(channel)
    }
    const at = (index: number): { readonly time: number } => ({ time: times[index] ?? 0 })
    const backward = { direction: 'backward' } as const
    for (const index of [0, 2, 3]) {
      const { publications, gaps } = await harness.readAll(channel, { from: at(index) })
      expect(publications.map(({ payload }) => payload)).toEqual(['5', '6', '7'])
      expect(gaps).toMatchObject([{ reason, missed: null }])
      const before = await harness.read(channel, { from: at(index), ...backward })
      expect(before).toMatchObject({ publications: [], more: false, gap: { reason } })
    }
    expect(await harness.readAll(channel, { from: at(4) })).toMatchObject({ gaps: [] })
    expect(await harness.payloads(channel, { from: { time: at(3).time + 1 } })).toEqual(['5', '6', '7'])
    expect((await harness.readAll(channel, { from: { time: at(3).time + 1 } })).gaps).toEqual([])
    expect(await harness.readAll(channel, { from: at(5), ...backward })).toMatchObject({ gaps: [] })
    const oldest = await harness.read(channel, { from: at(4), ...backward })
    expect(oldest).toMatchObject({ publications: [], gap: { reason } })
    harness.expectMissed(oldest.gap, 4)
  })

  it('tells nothing of a channel that lost nothing', async () => {
    const channel = harness.channel({ history: { maxCount: 3 } })
    for (const direction of ['forward', 'backward'] as const) {
      expect(await harness.read(channel, { from: { time: 0 }, direction })).toMatchObject({ gap: null })
      await harness.publish(channel, '1')
      expect(await harness.read(channel, { from: { time: 0 }, direction })).toMatchObject({ gap: null })
    }
  })

  it('rewinds by age, and by the stricter of age and count', async () => {
    const channel = harness.channel()
    const results = []
    for (const number of numbers(6)) {
      results.push(await harness.publish(channel, number))
      harness.clock.advance(1000)
    }
    const rewind = (bounds: { count?: number; ageMs?: number }): Promise<unknown> =>
      harness.retry(() => harness.log.rewind(channel, bounds))
    expect(await rewind({ ageMs: 3000 })).toEqual(cursorOf(results[2]))
    expect(await rewind({ ageMs: 3000, count: 1 })).toEqual(cursorOf(results[4]))
    expect(await rewind({ ageMs: 1000, count: 5 })).toEqual(cursorOf(results[4]))
    expect(await rewind({ ageMs: 999 })).toEqual(cursorOf(results[5]))
    expect(await harness.payloads(channel, { from: results[2]?.position ?? '' })).toEqual(['4', '5', '6'])
  })
}

const cursorOf = (
  result: { readonly position: string; readonly offset: number } | undefined,
): { readonly position: string; readonly offset: number } => {
  if (result === undefined) throw new Error('there is no such publication')
  return { position: result.position, offset: result.offset }
}
