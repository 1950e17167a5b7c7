import { describe, expect, it } from 'vitest'
import { type Harness, numbers, rejection } from './harness.js'

export const describeDurable = (harness: Harness): void => {
  describe('reopening', () => {
    it('keeps publications, and positions resume', async () => {
      const channel = harness.channel()
      const start = await harness.tail(channel)
      const results = await harness.publishAll(channel, numbers(5))
      const before = await harness.readAll(channel)
      await harness.reopen()
      expect(await harness.readAll(channel)).toEqual(before)
      expect(await harness.payloads(channel, { from: start.position })).toEqual(numbers(5))
      const page = await harness.read(channel, { from: results[2]?.position ?? '' })
      expect(page.gap).toBeNull()
      expect(page.publications.map(({ payload }) => payload)).toEqual(['4', '5'])
      expect(await harness.tail(channel)).toMatchObject({ offset: results[4]?.offset })
    })

    it('goes on with offsets and order', async () => {
      const channel = harness.channel()
      const all: string[] = []
      let position = (await harness.tail(channel)).position
      for (const round of [0, 1, 2, 3]) {
        const payloads = numbers(4, round * 4 + 1)
        all.push(...payloads)
        const results = await harness.publishAll(channel, payloads)
        await harness.reopen()
        const page = await harness.read(channel, { from: position })
        expect(page.gap).toBeNull()
        expect(page.publications.map(({ payload }) => payload)).toEqual(payloads)
        position = results[3]?.position ?? ''
      }
      expect(await harness.payloads(channel)).toEqual(all)
    })

    it('resumes a position of an empty channel, also across several starts', async () => {
      const channel = harness.channel()
      const start = await harness.tail(channel)
      await harness.reopen()
      const second = await harness.tail(channel)
      await harness.reopen()
      await harness.publish(channel, '1')
      for (const { position } of [start, second]) {
        const page = await harness.read(channel, { from: position })
        expect(page.gap).toBeNull()
        expect(page.publications.map(({ payload }) => payload)).toEqual(['1'])
      }
    })

    it('remembers publication ids', async () => {
      const channel = harness.channel({ history: { maxCount: 1 } })
      const first = await harness.publish(channel, 'a', { id: 'first' })
      await harness.publish(channel, 'b')
      await harness.reopen()
      expect(await harness.publish(channel, 'a', { id: 'first' })).toEqual({ ...first, duplicate: true })
      const other = harness.newPublication('c', { id: 'first' })
      expect(await rejection(harness.log.publish(channel, other))).toBe('id-conflict')
      await harness.reopen()
      expect(await harness.publish(channel, 'a', { id: 'first' })).toEqual({ ...first, duplicate: true })
    })

    it('keeps the reasons and counts of gaps', async () => {
      const trimmed = harness.channel({ history: { maxCount: 2 } })
      const purged = harness.channel()
      const starts = [await harness.tail(trimmed), await harness.tail(purged)]
      await harness.publishAll(trimmed, numbers(6))
      await harness.publishAll(purged, numbers(3))
      await harness.retry(() => harness.log.purge(purged))
      await harness.reopen()
      const first = await harness.read(trimmed, { from: starts[0]?.position ?? '' })
      expect(first.gap?.reason).toBe('trimmed')
      harness.expectMissed(first.gap, 4)
      expect(first.publications.map(({ payload }) => payload)).toEqual(['5', '6'])
      const second = await harness.read(purged, { from: starts[1]?.position ?? '' })
      expect(second).toMatchObject({ publications: [], gap: { reason: 'purged' } })
    })

    it('keeps state', async () => {
      await harness.backend.state.set('revoked:1', Uint8Array.of(1, 2, 3))
      await harness.backend.state.set('revoked:2', Uint8Array.of(4))
      await harness.backend.state.delete('revoked:2')
      await harness.reopen()
      expect((await harness.backend.state.list('revoked:')).map(({ key, value }) => [key, [...value]])).toEqual([
        ['revoked:1', [1, 2, 3]],
      ])
    })

    it('gives the gap epoch-changed for what lived in memory only', async () => {
      const channel = harness.channel({ history: null, durability: 'none' })
      const result = await harness.publish(channel, 'gone')
      await harness.reopen()
      const page = await harness.read(channel, { from: result.position })
      expect(page).toMatchObject({ publications: [], gap: { reason: 'epoch-changed' } })
    })

    if (harness.subject.fakeClock) describeClock(harness)
  })
}

const describeClock = (harness: Harness): void => {
  it('never lets time fall across a restart', async () => {
    const channel = harness.channel()
    const { time } = await harness.publish(channel, '1')
    await harness.reopen()
    harness.clock.jump(-86_400_000)
    expect((await harness.publish(channel, '2')).time).toBe(time)
  })

  it('does not forget an id because the wall clock jumped between two starts', async () => {
    const channel = harness.channel({ dedupeWindowMs: 60_000 })
    const first = await harness.publish(channel, 'a', { id: 'x' })
    harness.clock.advance(30_000)
    await harness.reopen()
    harness.clock.jump(86_400_000)
    expect(await harness.publish(channel, 'a', { id: 'x' })).toEqual({ ...first, duplicate: true })
    harness.clock.advance(61_000)
    expect(await harness.publish(channel, 'a', { id: 'x' })).toMatchObject({ duplicate: false })
  })

  it('expires by age what got too old while it was closed', async () => {
    const channel = harness.channel({ history: { maxAgeMs: 60_000 } })
    const start = await harness.tail(channel)
    await harness.publishAll(channel, numbers(3))
    harness.clock.advance(61_000)
    await harness.reopen()
    const page = await harness.read(channel, { from: start.position })
    expect(page).toMatchObject({ publications: [], gap: { reason: 'expired' } })
    harness.expectMissed(page.gap, 3)
  })
}
