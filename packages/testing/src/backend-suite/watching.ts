import { setTimeout as sleep } from 'node:timers/promises'
import type { LogListener, StoredPublication } from '@tidings/server'
import { describe, expect, it } from 'vitest'
import { type Harness, numbers } from './harness.js'

interface Notice {
  readonly publication: StoredPublication
  readonly previousOffset: number | null
}

/** A listener that keeps what it was told. */
const recorder = (): LogListener & { readonly notices: Notice[] } => {
  const notices: Notice[] = []
  return {
    notices,
    publication: (publication, previousOffset) => {
      notices.push({ publication, previousOffset })
    },
    suspect: () => undefined,
  }
}

export const describeWatching = (harness: Harness): void => {
  describe('watching', () => {
    it('tells only of publications that can be read, and says truly what came before each', async () => {
      const channel = harness.channel()
      await harness.publishAll(channel, numbers(3))
      const listener = recorder()
      const watch = await harness.retry(() => harness.log.watch(channel, listener))
      await harness.publishAll(channel, numbers(40, 4))
      const { publications } = await harness.readAll(channel)
      const byOffset = new Map(publications.map((publication) => [publication.offset, publication]))
      for (const { publication, previousOffset } of listener.notices) {
        expect(byOffset.get(publication.offset)).toEqual(publication)
        const index = publications.findIndex(({ offset }) => offset === publication.offset)
        if (previousOffset !== null) expect(previousOffset).toBe(publications[index - 1]?.offset ?? 0)
      }
      watch.stop()
    })

    it('says nothing after a watch was stopped', async () => {
      const channel = harness.channel()
      const listener = recorder()
      const watch = await harness.retry(() => harness.log.watch(channel, listener))
      watch.stop()
      watch.stop()
      await harness.publishAll(channel, numbers(20))
      expect(listener.notices).toEqual([])
    })

    it('knows whether anything is stored of a channel, or anybody watches it', async () => {
      const channel = harness.channel()
      const isInUse = (): Promise<boolean> => harness.retry(() => harness.log.isInUse(channel))
      expect(await isInUse()).toBe(false)
      const watch = await harness.retry(() => harness.log.watch(channel, recorder()))
      expect(await isInUse()).toBe(true)
      watch.stop()
      while (await isInUse()) await sleep(1)
      await harness.publishAll(channel, numbers(1))
      expect(await isInUse()).toBe(true)
      await harness.retry(() => harness.log.purge(channel))
      expect(await isInUse()).toBe(false)
    })

    it('keeps channels apart', async () => {
      const [channel, other] = [harness.channel(), harness.channel()]
      const listener = recorder()
      await harness.retry(() => harness.log.watch(channel, listener))
      await harness.publishAll(other, numbers(20))
      expect(listener.notices).toEqual([])
    })

    it('says in `notices` how far they can be trusted', () => {
      expect(harness.log.notices).toBe(harness.subject.notices)
    })

    if (harness.subject.notices === 'exact') describeExact(harness)
  })
}

const describeExact = (harness: Harness): void => {
  describe('exactly', () => {
    it('tells the same as can be read, of large payloads of each kind, with key and tags', async () => {
      const channel = harness.channel()
      const listener = recorder()
      await harness.log.watch(channel, listener)
      const text = JSON.stringify('\u00e9\u2603\ud83d\ude00 "'.repeat(2000))
      for (const payload of [text, Uint8Array.from({ length: 9000 }, (_, index) => index % 256), '"small"']) {
        for (const more of [{}, { key: 'k\u2603', tags: { b: '\u00fc', a: '' } }]) {
          await harness.log.publish(channel, { ...harness.newPublication('0'), payload, ...more })
        }
      }
      const { publications } = await harness.readAll(channel)
      expect(listener.notices.map(({ publication }) => publication)).toEqual(publications)
      expect(publications[1]).toMatchObject({ payload: text, key: 'k\u2603', tags: { b: '\u00fc', a: '' } })
    })

    it('tells for which session a publication is muted, and gives it so to every reader', async () => {
      const channel = harness.channel()
      const listener = recorder()
      const watch = await harness.retry(() => harness.log.watch(channel, listener))
      const mutedFor = 'session-1'
      const first = await harness.publish(channel, '1', { id: 'muted', mutedFor })
      await harness.publish(channel, '2', { id: 'x\0y', key: 'k', tags: { t: '1' }, mutedFor })
      await harness.publish(channel, JSON.stringify('x'.repeat(5000)), { mutedFor })
      await harness.publish(channel, '3')
      // Who repeats it on another session is answered with the first one's place.
      const again = await harness.publish(channel, '1', { id: 'muted', mutedFor: 'session-2' })
      expect(again).toEqual({ ...first, duplicate: true })
      const { publications } = await harness.readAll(channel)
      expect(publications.map((publication) => publication.mutedFor)).toEqual([mutedFor, mutedFor, mutedFor, undefined])
      expect(publications.slice(0, 2).map(({ id }) => id)).toEqual(['muted', 'x\0y'])
      for (const { publication } of listener.notices) expect(publications).toContainEqual(publication)
      watch.stop()
    })

    it('tells of each publication once, in order, before its publish resolves', async () => {
      const channel = harness.channel()
      const listeners = [recorder(), recorder()]
      for (const listener of listeners) await harness.log.watch(channel, listener)
      await Promise.all(
        numbers(100).map(async (payload) => {
          const { offset } = await harness.log.publish(channel, harness.newPublication(payload))
          for (const { notices } of listeners) {
            expect(notices.some(({ publication }) => publication.offset === offset)).toBe(true)
          }
        }),
      )
      const { publications } = await harness.readAll(channel)
      for (const { notices } of listeners) {
        expect(notices.map(({ publication }) => publication)).toEqual(publications)
        expect(notices.map(({ previousOffset }) => previousOffset)).toEqual([
          0,
          ...publications.slice(0, -1).map(({ offset }) => offset),
        ])
      }
    })

    it('does not tell of a repeated publish', async () => {
      const channel = harness.channel()
      const listener = recorder()
      await harness.log.watch(channel, listener)
      const publication = harness.newPublication('once')
      await Promise.all(numbers(5).map(() => harness.log.publish(channel, publication)))
      expect(listener.notices).toHaveLength(1)
    })

    it('keeps the order for everyone when a listener publishes', async () => {
      const channel = harness.channel()
      const pending: Promise<unknown>[] = []
      const chain: LogListener = {
        publication: ({ payload }) => {
          const next = Number(payload) + 1
          if (next <= 10) pending.push(harness.log.publish(channel, harness.newPublication(String(next))))
        },
        suspect: () => undefined,
      }
      const listener = recorder()
      await harness.log.watch(channel, chain)
      await harness.log.watch(channel, listener)
      await harness.log.publish(channel, harness.newPublication('1'))
      for (const promise of pending) await promise
      expect(listener.notices.map(({ publication }) => publication.payload)).toEqual(numbers(10))
    })

    it('tells of channels that keep nothing', async () => {
      const channel = harness.channel({ history: null, durability: 'none' })
      const listener = recorder()
      await harness.log.watch(channel, listener)
      await harness.publishAll(channel, numbers(5))
      expect(listener.notices.map(({ publication }) => publication.payload)).toEqual(numbers(5))
    })
  })
}
