import type { LogChannel, LogListener, StoredPublication } from '@tidings/server'
import { memory } from '@tidings/server/memory'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { rejection } from './harness.js'
import { unreliable, type UnreliableBackend } from './index.js'

const channel: LogChannel = {
  name: 'chat:lobby',
  durability: 'memory',
  history: { maxCount: 10_000 },
  dedupeWindowMs: 60_000,
}

const publication = (payload: string) => ({ id: `id-${payload}`, scope: 's', publisher: null, payload })

const recorder = (): LogListener & { readonly told: StoredPublication[]; suspects: number } => ({
  told: [],
  suspects: 0,
  publication(stored) {
    this.told.push(stored)
  },
  suspect() {
    this.suspects += 1
  },
})

let backend: UnreliableBackend

beforeEach(async () => {
  backend = unreliable(memory(), { seed: 3, maxDelayMs: 1 })
  await backend.open(() => undefined)
})

afterEach(() => backend.close())

describe('an unreliable backend', () => {
  it('rejects every call during an outage, and comes back', async () => {
    const { log, presence, bus, state } = backend
    await log.publish(channel, publication('before'))
    backend.outage(true)
    const calls = [
      log.publish(channel, publication('during')),
      log.read(channel, { direction: 'forward', limit: 1, maxBytes: 1 }),
      log.tails([channel]),
      log.rewind(channel, {}),
      log.watch(channel, recorder()),
      log.purge(channel),
      presence.members('a'),
      bus.publish('a', new Uint8Array(0)),
      state.get('a'),
    ]
    expect(new Set(await Promise.all(calls.map(rejection)))).toEqual(new Set(['unavailable']))
    backend.outage(false)
    expect(await log.publish(channel, publication('before'))).toMatchObject({ duplicate: true })
  })

  it('stores some of the publishes that it rejects, and a retry finds out', async () => {
    const { log } = backend
    backend.outage(true)
    const numbers = Array.from({ length: 100 }, (_, index) => String(index))
    await Promise.all(numbers.map((payload) => rejection(log.publish(channel, publication(payload)))))
    backend.outage(false)
    const retried = await Promise.all(numbers.map((payload) => log.publish(channel, publication(payload))))
    const stored = retried.filter(({ duplicate }) => duplicate).length
    expect(stored).toBeGreaterThan(20)
    expect(stored).toBeLessThan(80)
    const page = await log.read(channel, { direction: 'forward', limit: 1000, maxBytes: 1e6 })
    expect(page.publications).toHaveLength(100)
  })

  it('loses, repeats, delays and mixes up notices at its rates, and tells the truth at rate 0', async () => {
    const { log } = backend
    const publishMany = async (from: number): Promise<StoredPublication[]> => {
      const listener = recorder()
      const watch = await log.watch(channel, listener)
      const numbers = Array.from({ length: 200 }, (_, index) => String(from + index))
      await Promise.all(numbers.map((payload) => log.publish(channel, publication(payload))))
      await expect.poll(() => listener.told.length).toBeGreaterThan(150)
      watch.stop()
      return listener.told
    }
    backend.setRates({ maxDelayMs: 8 })
    const told = (await publishMany(0)).map(({ offset }) => offset)
    expect(new Set(told).size).toBeLessThan(200)
    expect(new Set(told).size).toBeLessThan(told.length)
    expect(told).not.toEqual(told.toSorted((one, other) => one - other))
    backend.setRates({ lost: 0, twice: 0, late: 0 })
    expect((await publishMany(1000)).map(({ payload }) => payload)).toEqual(
      Array.from({ length: 200 }, (_, index) => String(1000 + index)),
    )
  })

  it('sometimes says that notices may be missing', async () => {
    const { log } = backend
    const listener = recorder()
    await log.watch(channel, listener)
    backend.setRates({ suspect: 1 })
    backend.outage(true)
    backend.outage(false)
    await expect.poll(() => listener.suspects).toBe(1)
    backend.setRates({ suspect: 0, lost: 1 })
    await log.publish(channel, publication('lost'))
    expect([listener.suspects, listener.told]).toEqual([1, []])
  })

  it('has offsets with holes that rise, and does the same for the same seed', async () => {
    const other = unreliable(memory(), { seed: 3, maxDelayMs: 1 })
    await other.open(() => undefined)
    const offsets = [backend, other].map(async ({ log }) => {
      const results = await Promise.all(
        ['1', '2', '3', '4'].map((payload) => log.publish(channel, publication(payload))),
      )
      return results.map(({ offset }) => offset)
    })
    const [one, two] = await Promise.all(offsets)
    expect(one).toEqual(two)
    expect(one).toEqual(one?.toSorted((first, second) => first - second))
    expect(one?.at(-1)).toBeGreaterThan(4)
    await other.close()
  })
})
