import { describe, expect, it } from 'vitest'
import { type Harness, numbers } from './harness.js'

export const describeOrder = (harness: Harness): void => {
  describe('order', () => {
    it('gives publications back in the order they were published', async () => {
      const channel = harness.channel()
      await harness.publishAll(channel, numbers(50))
      expect(await harness.payloads(channel)).toEqual(numbers(50))
    })

    it('stores calls in the order they were made, without waiting for answers', async () => {
      const channel = harness.channel()
      const calls = numbers(200).map((payload) => ({
        payload,
        result: harness.log.publish(channel, harness.newPublication(payload)),
      }))
      const settled = await Promise.allSettled(calls.map(({ result }) => result))
      // One that was refused may have been stored all the same; only the acknowledged ones say where they are.
      const accepted = settled.flatMap((outcome, index) =>
        outcome.status === 'fulfilled' ? [{ payload: calls[index]?.payload, offset: outcome.value.offset }] : [],
      )
      expect(accepted.length).toBeGreaterThan(100)
      expect(accepted.map(({ offset }) => offset)).toEqual(
        accepted.map(({ offset }) => offset).toSorted((one, other) => one - other),
      )
      const stored = new Map(
        (await harness.readAll(channel)).publications.map(({ payload, offset }) => [payload, offset]),
      )
      for (const { payload, offset } of accepted) expect(stored.get(payload ?? '')).toBe(offset)
    })

    it('keeps each publisher’s order when many publish at once', async () => {
      const channel = harness.channel()
      const publishers = ['ada', 'bob', 'eve']
      await Promise.all(
        publishers.map(async (name) => {
          for (const number of numbers(30)) await harness.publish(channel, `${name} ${number}`, { publisher: name })
        }),
      )
      const payloads = await harness.payloads(channel)
      for (const name of publishers) {
        const own = payloads.filter((payload) => String(payload).startsWith(name))
        expect(own).toEqual(numbers(30).map((number) => `${name} ${number}`))
      }
      expect(new Set(payloads).size).toBe(90)
    })

    it('answers with the offset, position and time that reading gives', async () => {
      const channel = harness.channel()
      const results = await harness.publishAll(channel, numbers(3))
      const { publications } = await harness.readAll(channel)
      expect(publications.map(({ offset, position, time }) => ({ offset, position, time }))).toEqual(
        results.map(({ offset, position, time }) => ({ offset, position, time })),
      )
      for (const result of results) expect(result).toMatchObject({ durability: channel.durability, duplicate: false })
    })

    it('gives back everything that was published with a publication', async () => {
      const channel = harness.channel()
      const fields = { id: 'über-1', publisher: null, key: 'clé', tags: { lang: 'fr', trace: '✓' } }
      await harness.publish(channel, '{"text":"héllo ✓ 🎈"}', fields)
      await harness.publish(channel, '""', { id: 'plain' })
      const { publications } = await harness.readAll(channel)
      expect(publications[0]).toMatchObject({ payload: '{"text":"héllo ✓ 🎈"}', ...fields })
      expect(publications[1]).toMatchObject({ payload: '""', id: 'plain', publisher: 'ada' })
      expect(publications[1]).not.toHaveProperty('key')
      expect(publications[1]).not.toHaveProperty('tags')
    })

    it('gives bytes back as bytes, whatever the caller does with his buffer afterwards', async () => {
      const channel = harness.channel()
      const bytes = Uint8Array.from({ length: 300 }, (_, index) => index % 256)
      const published = harness.publish(channel, bytes.subarray(10, 270))
      await published
      bytes.fill(7)
      await harness.publish(channel, new Uint8Array(0))
      const payloads = await harness.payloads(channel)
      expect(payloads[0]).toBeInstanceOf(Uint8Array)
      expect([...(payloads[0] as Uint8Array)]).toEqual(Array.from({ length: 260 }, (_, index) => (index + 10) % 256))
      expect(payloads[1]).toHaveLength(0)
    })

    it('keeps a publication of a megabyte', async () => {
      const channel = harness.channel()
      const payload = JSON.stringify('long '.repeat(200_000))
      await harness.publish(channel, payload)
      expect(await harness.payloads(channel)).toEqual([payload])
    })

    it('keeps channels apart', async () => {
      const [first, second] = [harness.channel(), harness.channel()]
      await Promise.all([harness.publishAll(first, ['a', 'b']), harness.publishAll(second, ['c'])])
      expect(await harness.payloads(first)).toEqual(['a', 'b'])
      expect(await harness.payloads(second)).toEqual(['c'])
    })

    it('never lets time fall, and lets it follow the clock', async () => {
      const channel = harness.channel()
      const results = await harness.publishAll(channel, numbers(20))
      const times = results.map(({ time }) => time)
      expect(times).toEqual(times.toSorted((a, b) => a - b))
      if (!harness.subject.fakeClock) return
      harness.clock.jump(60_000)
      const later = await harness.publish(channel, 'later')
      expect(later.time).toBe(harness.clock.now())
      harness.clock.jump(-3_600_000)
      const afterJump = await harness.publish(channel, 'after the jump')
      expect(afterJump.time).toBe(later.time)
      expect(await harness.payloads(channel)).toHaveLength(22)
    })
  })
}
