import { FakeClock } from '@tidings/testing/backend-suite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LogChannel, NewPublication } from '../backend.js'
import { MemoryLog } from './memory-log.js'

const clock = new FakeClock()
let log: MemoryLog

const start = (limits: { maxBytes?: number; maxDedupeEntries?: number } = {}): MemoryLog => {
  log = new MemoryLog({ clock, maxBytes: 1e9, maxDedupeEntries: 1e6, ...limits })
  log.open()
  return log
}

const channel = (name: string, rules: Partial<LogChannel> = {}): LogChannel => ({
  name,
  durability: 'memory',
  history: { maxCount: 1000 },
  dedupeWindowMs: 60_000,
  ...rules,
})

let ids = 0
const publication = (payload: string): NewPublication => ({
  id: `id-${(ids += 1)}`,
  scope: 's',
  publisher: null,
  payload,
})

const payloads = async (of: LogChannel): Promise<unknown[]> => {
  const page = await log.read(of, { direction: 'forward', limit: 1000, maxBytes: 1e9 })
  return page.publications.map(({ payload }) => payload)
}

describe('memory log', () => {
  beforeEach(() => {
    start()
  })

  afterEach(() => log.close())

  it('takes the history of the channels published to least recently when there is too much', async () => {
    log.close()
    start({ maxBytes: 10_000 })
    const [old, busy] = [channel('old'), channel('busy')]
    const [before] = await log.tails([old])
    for (const number of [1, 2, 3]) await log.publish(old, publication(`${number}`.repeat(1000)))
    for (const number of [4, 5, 6]) await log.publish(busy, publication(`${number}`.repeat(1000)))
    await log.publish(old, publication('7'.repeat(1000)))
    expect(await payloads(old)).toHaveLength(4)
    await log.publish(busy, publication('8'.repeat(1000)))
    await log.publish(busy, publication('9'.repeat(1000)))
    expect(await payloads(busy)).toHaveLength(5)
    expect(await payloads(old)).toEqual(['3', '7'].map((number) => number.repeat(1000)))
    const page = await log.read(old, { direction: 'forward', from: before?.position ?? '', limit: 10, maxBytes: 1e9 })
    expect(page.gap).toMatchObject({ reason: 'trimmed', missed: 2 })
    await log.publish(busy, publication('x'.repeat(20_000)))
    expect([await payloads(old), await payloads(busy)]).toEqual([[], []])
  })

  it('refuses new ids when it remembers too many, and forgets none before its time', async () => {
    log.close()
    start({ maxDedupeEntries: 3 })
    const of = channel('a')
    const publications = ['1', '2', '3'].map(publication)
    for (const one of publications) await log.publish(of, one)
    await expect(log.publish(of, publication('4'))).rejects.toMatchObject({ code: 'overloaded' })
    for (const one of publications) expect(await log.publish(of, one)).toMatchObject({ duplicate: true })
    clock.advance(60_001)
    expect(await log.publish(of, publication('5'))).toMatchObject({ offset: 4, duplicate: false })
  })

  it('remembers no id that nobody can repeat', async () => {
    log.close()
    start({ maxDedupeEntries: 1 })
    for (const id of ['1', '2', '3']) await log.publish(channel('a'), { ...publication(id), isUnrepeatable: true })
    expect(await log.publish(channel('a'), publication('4'))).toMatchObject({ offset: 4 })
  })

  it('forgets channels that hold nothing, and their successors are other logs', async () => {
    const once = channel('once', { history: null, durability: 'none' })
    const { position } = await log.publish(once, publication('1'))
    for (let number = 0; number < 12_000; number += 1) await log.tails([channel(`looked-at-${number}`)])
    clock.advance(130_000)
    for (let step = 0; step < 5; step += 1) log.sweep()
    expect(log.size).toBe(0)
    const page = await log.read(once, { direction: 'forward', from: position, limit: 10, maxBytes: 1000 })
    expect(page.gap?.reason).toBe('epoch-changed')
  })

  it('forgets no channel that keeps something, is watched, or has ids within their window', async () => {
    const [kept, watched, recent] = [
      channel('kept'),
      channel('watched'),
      channel('recent', { dedupeWindowMs: 600_000 }),
    ]
    await log.publish(kept, publication('1'))
    const watch = await log.watch(watched, { publication: () => undefined, suspect: () => undefined })
    await log.publish({ ...recent, history: null }, publication('1'))
    clock.advance(130_000)
    log.sweep()
    log.sweep()
    expect(log.size).toBe(3)
    watch.stop()
    clock.advance(61_000)
    log.sweep()
    log.sweep()
    expect(log.size).toBe(2)
  })

  it('takes what is too old also from channels that nobody uses', async () => {
    const aging = channel('aging', { history: { maxAgeMs: 1000 }, dedupeWindowMs: 1000 })
    await log.publish(aging, publication('1'))
    clock.advance(120_000)
    log.sweep()
    log.sweep()
    expect(log.size).toBe(0)
  })

  it('tells of a publication before the call returns', async () => {
    const told: unknown[] = []
    const of = channel('a')
    await log.watch(of, { publication: ({ payload }) => told.push(payload), suspect: () => undefined })
    const published = log.publish(of, publication('1'))
    expect(told).toEqual(['1'])
    await published
  })

  it('says that older ones are gone to a reader going backward', async () => {
    const of = channel('a', { history: { maxCount: 2 } })
    const results = []
    for (const payload of ['1', '2', '3', '4']) results.push(await log.publish(of, publication(payload)))
    const back = { direction: 'backward', limit: 10, maxBytes: 1000 } as const
    const page = await log.read(of, { ...back, from: results[3]?.position ?? '' })
    expect(page).toMatchObject({ gap: null, more: false, publications: [{ payload: '3' }] })
    const beyond = await log.read(of, { ...back, from: results[2]?.position ?? '' })
    expect(beyond).toMatchObject({ gap: { reason: 'trimmed', missed: 2 }, publications: [], more: false })
  })
})
