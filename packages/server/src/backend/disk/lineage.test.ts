import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Backend, LogChannel } from '../backend.js'
import { disk } from './index.js'
import { Lineage } from './lineage.js'
import { incarnationOf, lastOffsetOf, type Segment, withSegment } from './segments.js'

const channel: LogChannel = {
  name: 'chat:lobby',
  durability: 'disk',
  history: { maxCount: 10_000 },
  dedupeWindowMs: 60_000,
}

const opened = new Set<Backend>()
let base = ''

const open = async (name: string): Promise<Backend> => {
  const backend = disk({ dir: join(base, name) })
  await backend.open(() => undefined)
  opened.add(backend)
  return backend
}

const close = async (backend: Backend): Promise<void> => {
  opened.delete(backend)
  await backend.close()
}

const publish = async ({ log }: Backend, payload: string, rules = channel): Promise<string> => {
  const id = `id-${payload}`
  return (await log.publish(rules, { id, scope: 's', publisher: null, payload })).position
}

/** What a subscriber gets that resumes from a position. */
const resume = async ({ log }: Backend, from: string, rules = channel): Promise<unknown[]> => {
  const page = await log.read(rules, { direction: 'forward', from, limit: 100, maxBytes: 1e6 })
  return [...(page.gap === null ? [] : [`gap ${page.gap.reason}`]), ...page.publications.map(({ payload }) => payload)]
}

const copy = (from: string, to: string): Promise<void> =>
  cp(join(base, from), join(base, to), { recursive: true, filter: (path) => !path.endsWith('-lock') })

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'tidings-lineage-'))
})

afterEach(async () => {
  for (const backend of opened) await close(backend)
  await rm(base, { recursive: true, force: true })
})

describe('a data directory that is not what it was', () => {
  it('fences what an older copy that was restored does not share', async () => {
    let backend = await open('data')
    const shared = await publish(backend, '1')
    await close(backend)
    await copy('data', 'backup')
    backend = await open('data')
    const lost = await publish(backend, '2')
    const lostToo = await publish(backend, '3')
    await close(backend)
    await rm(join(base, 'data'), { recursive: true })
    await copy('backup', 'data')
    backend = await open('data')
    await publish(backend, 'other 2')
    await publish(backend, 'other 3')
    await publish(backend, 'other 4')
    expect(await resume(backend, shared)).toEqual(['other 2', 'other 3', 'other 4'])
    expect(await resume(backend, lost)).toEqual(['gap epoch-changed'])
    expect(await resume(backend, lostToo)).toEqual(['gap epoch-changed'])
  })

  it('fences what a copy taken in the middle of an incarnation does not share', async () => {
    const backend = await open('data')
    const shared = await publish(backend, '1')
    await copy('data', 'copy')
    const lost = await publish(backend, '2')
    await close(backend)
    const restored = await open('copy')
    expect(await resume(restored, shared)).toEqual([])
    expect(await resume(restored, lost)).toEqual(['gap epoch-changed'])
    await publish(restored, 'other 2')
    await publish(restored, 'other 3')
    expect(await resume(restored, lost)).toEqual(['gap epoch-changed'])
    expect(await resume(restored, shared)).toEqual(['other 2', 'other 3'])
  })

  it('tells apart two copies that both went on', async () => {
    const before = await open('one')
    const shared = await publish(before, '1')
    await close(before)
    await copy('one', 'two')
    const [one, two] = [await open('one'), await open('two')]
    const inOne = await publish(one, 'one 2')
    const inTwo = await publish(two, 'two 2')
    expect(await resume(one, shared)).toEqual(['one 2'])
    expect(await resume(two, shared)).toEqual(['two 2'])
    expect(await resume(two, inOne)).toEqual(['gap epoch-changed'])
    expect(await resume(one, inTwo)).toEqual(['gap epoch-changed'])
  })

  it('resumes nothing after it was wiped', async () => {
    let backend = await open('data')
    const [tail] = await backend.log.tails([channel])
    const published = await publish(backend, '1')
    await close(backend)
    await rm(join(base, 'data'), { recursive: true })
    backend = await open('data')
    await publish(backend, 'other 1')
    expect(await resume(backend, published)).toEqual(['gap epoch-changed'])
    expect(await resume(backend, tail?.position ?? '')).toEqual(['gap epoch-changed'])
  })
})

describe('a channel whose durability changes', () => {
  const inMemory: LogChannel = { ...channel, durability: 'memory' }

  it('gives a gap to whoever was away while it lived in memory', async () => {
    let backend = await open('data')
    const old = await publish(backend, '1')
    const tail = await publish(backend, '2')
    await close(backend)
    backend = await open('data')
    const memoryPosition = await publish(backend, 'memory', inMemory)
    expect(await resume(backend, tail, inMemory)).toEqual(['gap epoch-changed'])
    await close(backend)
    backend = await open('data')
    expect(await resume(backend, tail)).toEqual(['gap purged'])
    await publish(backend, '3')
    expect(await resume(backend, old)).toEqual(['gap purged', '3'])
    expect(await resume(backend, tail)).toEqual(['gap purged', '3'])
    expect(await resume(backend, memoryPosition)).toEqual(['gap epoch-changed'])
    await close(backend)
    backend = await open('data')
    expect(await resume(backend, tail)).toEqual(['gap purged', '3'])
  })

  it('gives a gap when it was away once more, after a start in which it was only subscribed to', async () => {
    let backend = await open('data')
    const old = await publish(backend, '1')
    const positions = [old]
    for (const round of [1, 2, 3]) {
      await close(backend)
      backend = await open('data')
      await publish(backend, `memory ${round}`, inMemory)
      await close(backend)
      backend = await open('data')
      const [tail] = await backend.log.tails([channel])
      for (const position of positions) expect(await resume(backend, position)).toEqual(['gap purged'])
      positions.push(tail?.position ?? '')
      expect(await resume(backend, positions.at(-1) ?? '')).toEqual([])
    }
    await publish(backend, '2')
    expect(await resume(backend, positions.at(-1) ?? '')).toEqual(['2'])
    for (const position of positions.slice(0, -1)) expect(await resume(backend, position)).toEqual(['gap purged', '2'])
  })

  it('gives a gap to whoever was away from a channel that kept nothing meanwhile', async () => {
    let backend = await open('data')
    await publish(backend, '1')
    for (const away of [inMemory, { ...inMemory, durability: 'none', history: null } as const, inMemory]) {
      const [tail] = await backend.log.tails([channel])
      await close(backend)
      backend = await open('data')
      await publish(backend, 'elsewhere', away)
      await close(backend)
      backend = await open('data')
      expect(await resume(backend, tail?.position ?? '')).toEqual(['gap purged'])
    }
  })

  it('does not say how many were missed, nor that nothing was published while it was away', async () => {
    let backend = await open('data')
    const position = await publish(backend, '1')
    const time = Date.now() - 60_000
    await close(backend)
    backend = await open('data')
    await publish(backend, 'memory', inMemory)
    await close(backend)
    backend = await open('data')
    const page = (from: string | { readonly time: number }, direction: 'forward' | 'backward' = 'forward') =>
      backend.log.read(channel, { direction, from, limit: 10, maxBytes: 1000 })
    expect(await page(position)).toMatchObject({ gap: { reason: 'purged', missed: null } })
    expect(await page({ time })).toMatchObject({ gap: { reason: 'purged', missed: null } })
    expect(await page({ time: Date.now() + 1000 }, 'backward')).toMatchObject({ gap: { missed: null } })
    expect(await page({ time: Date.now() + 1000 })).toMatchObject({ gap: null })
  })

  it('does so also when it changes while the backend is open', async () => {
    const backend = await open('data')
    const tail = await publish(backend, '1')
    const calls = ['a', 'b', 'c'].map((payload) => publish(backend, payload, inMemory))
    await Promise.all(calls)
    const page = await backend.log.read(inMemory, { direction: 'forward', limit: 10, maxBytes: 1000 })
    expect(page.publications.map(({ payload }) => payload)).toEqual(['a', 'b', 'c'])
    await publish(backend, '2')
    expect(await resume(backend, tail)).toEqual(['gap purged', '2'])
    await publish(backend, 'd', inMemory)
    expect(await resume(backend, page.end.position, inMemory)).toEqual(['gap epoch-changed'])
  })
})

describe('the lineage', () => {
  it('forgets the oldest incarnations when there are thousands', () => {
    const names = Array.from({ length: 4096 }, (_, index) => `incarnation-${index + 1}`)
    const lineage = Lineage.begin(Buffer.from(JSON.stringify({ first: 1, names })))
    expect(lineage.current).toBe(4097)
    expect(lineage.numberOf('incarnation-1')).toBeUndefined()
    expect(lineage.numberOf('incarnation-2')).toBe(2)
    expect(lineage.nameOf(1)).toBe('incarnation-2')
    const next = Lineage.begin(lineage.encode())
    expect(next.numberOf(lineage.nameOf(4097))).toBe(4097)
    expect(next.current).toBe(4098)
  })

  it('refuses what is not one', () => {
    for (const stored of ['', '{}', '{"first":1,"names":[2]}', 'x']) {
      expect(() => Lineage.begin(Buffer.from(stored))).toThrow()
    }
  })
})

describe('segments', () => {
  const segments: readonly Segment[] = [
    { incarnation: 2, first: 1 },
    { incarnation: 5, first: 11 },
  ]

  it('say which incarnation assigned an offset', () => {
    expect([0, 1, 10, 11, 99].map((offset) => incarnationOf(segments, offset, 7))).toEqual([2, 2, 2, 5, 5])
    expect(incarnationOf([], 0, 7)).toBe(7)
  })

  it('say the last offset that existed when an incarnation ended', () => {
    expect([1, 2, 3, 4, 5, 6].map((incarnation) => lastOffsetOf(segments, incarnation, 20))).toEqual([
      0, 10, 10, 10, 20, 20,
    ])
    expect(lastOffsetOf([], 3, 0)).toBe(0)
  })

  it('say nothing of what was pruned', () => {
    expect(lastOffsetOf(segments.slice(1), 2, 20)).toBeUndefined()
    let many: readonly Segment[] = []
    for (let incarnation = 1; incarnation <= 300; incarnation += 1)
      many = withSegment(many, incarnation, incarnation, 0)
    expect(many.length).toBeLessThanOrEqual(256)
    expect(many.at(-1)).toEqual({ incarnation: 300, first: 300 })
    expect(withSegment(many, 301, 301, 290).length).toBeLessThanOrEqual(64)
  })
})
