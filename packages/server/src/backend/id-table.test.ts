import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { shortHash } from './fingerprint.js'
import { type IdEntry, IdTable } from './id-table.js'

const entry = (number: number, expiresAt = 1000): IdEntry => ({
  payloadHash: shortHash(`payload ${number}`),
  ...{ offset: number, time: 1_700_000_000_000 + number, expiresAt, tag: number },
})

const keyOf = (number: number): string => shortHash(`id ${number}`)

/** A table, and a look at every slot of it and at what moved: the tags that were forgotten. */
const setUp = (maxEntries = Infinity) => {
  let tags: number[] = []
  const table = new IdTable(maxEntries, (tag) => tags.push(tag))
  const sweepAll = (now: number): readonly number[] => {
    tags = []
    table.sweep(now, table.bytes / 64 + 300 + table.size)
    return tags
  }
  return { table, sweepAll }
}

describe('IdTable', () => {
  it('gives what was set, whole, among many', () => {
    const { table } = setUp()
    for (let number = 0; number < 100_000; number += 1) table.set(keyOf(number), entry(number))
    expect(table.size).toBe(100_000)
    for (let number = 0; number < 100_000; number += 997) expect(table.get(keyOf(number))).toEqual(entry(number))
    expect(table.get(keyOf(100_000))).toBeUndefined()
  })

  it('keeps numbers of the size that offsets, times and tags may have', () => {
    const { table } = setUp()
    const large = { ...entry(1), offset: 2 ** 48 - 1, time: 2 ** 45, expiresAt: 2 ** 45 + 0.5, tag: 2 ** 32 - 1 }
    table.set(keyOf(1), large)
    expect(table.get(keyOf(1))).toEqual(large)
  })

  it('does as a map does, whatever is set, deleted and swept in which order', () => {
    // Few keys of one shard, so that they stand in each other’s way.
    const keys = Array.from({ length: 3000 }, (_, number) => keyOf(number)).filter((key) => key.startsWith('\x07'))
    const step = fc.record({
      key: fc.integer({ min: 0, max: keys.length - 1 }),
      expiresAt: fc.integer({ min: 1, max: 20 }),
      does: fc.constantFrom('set', 'set', 'delete', 'sweep'),
    })
    const run = (steps: readonly { key: number; expiresAt: number; does: string }[]): void => {
      const { table, sweepAll } = setUp()
      const map = new Map<string, IdEntry>()
      for (const { key, expiresAt, does } of steps) {
        const name = keys[key] ?? ''
        if (does === 'set') {
          table.set(name, entry(key, expiresAt))
          map.set(name, entry(key, expiresAt))
        } else if (does === 'delete') {
          table.delete(name)
          map.delete(name)
        } else {
          const now = expiresAt - 5
          const due = [...map].filter(([, one]) => one.expiresAt <= now)
          expect([...sweepAll(now)].sort()).toEqual(due.map(([, { tag }]) => tag).sort())
          for (const [one] of due) map.delete(one)
        }
        expect(table.size).toBe(map.size)
        for (const one of keys) expect(table.get(one)).toEqual(map.get(one))
      }
    }
    expect(keys.length).toBeGreaterThan(8)
    fc.assert(fc.property(fc.array(step, { maxLength: 80 }), run))
  })

  it('takes less than 110 bytes an id, and gives memory back', () => {
    const { table, sweepAll } = setUp()
    for (let number = 0; number < 200_000; number += 1) table.set(keyOf(number), entry(number))
    expect(table.bytes / table.size).toBeLessThan(110)
    expect(sweepAll(1000)).toHaveLength(200_000)
    sweepAll(1000)
    expect([table.size, table.bytes]).toEqual([0, 0])
  })
})
