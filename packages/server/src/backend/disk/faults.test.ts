import { FakeClock, FaultyDisk } from '@tidings/testing/backend-suite'
import { afterEach, describe, expect, it } from 'vitest'
import type { Backend, BackendError, LogChannel, NewPublication } from '../backend.js'
import { diskBackend } from './disk-backend.js'
import { StoreError } from './store.js'

const channel: LogChannel = {
  name: 'chat:lobby',
  durability: 'disk',
  history: { maxCount: 3 },
  dedupeWindowMs: 60_000,
}

const publication = (payload: string, id = `id-${payload}`): NewPublication => ({
  id,
  scope: 'user:ada',
  publisher: 'ada',
  payload,
})

const opened: Backend[] = []

const clock = new FakeClock()

const start = async (
  disk: FaultyDisk,
  isNew: boolean,
  flushDeadlineMs = 30_000,
): Promise<[Backend, BackendError[]]> => {
  const failures: BackendError[] = []
  const directory = { store: disk.open(), isNew, ready: () => Promise.resolve(), close: () => Promise.resolve() }
  const backend = diskBackend({ dir: 'nowhere', clock, flushDeadlineMs }, () => Promise.resolve(directory))
  await backend.open((error) => failures.push(error))
  opened.push(backend)
  return [backend, failures]
}

const payloadsOf = async ({ log }: Backend, from?: string): Promise<unknown[]> => {
  const request = { direction: 'forward', limit: 100, maxBytes: 1e6, ...(from === undefined ? {} : { from }) } as const
  const page = await log.read(channel, request)
  return [...(page.gap === null ? [] : [`gap ${page.gap.reason}`]), ...page.publications.map(({ payload }) => payload)]
}

/** Long enough for a batch to be committed, if its flush is held. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

describe('disk backend on a faulty disk', () => {
  afterEach(async () => {
    for (const backend of opened.splice(0)) await backend.close()
  })

  it('shows nobody a publication before it is flushed', async () => {
    const disk = new FaultyDisk()
    const [backend] = await start(disk, true)
    const { log } = backend
    const first = await log.publish(channel, publication('1'))
    const noticed: unknown[] = []
    await log.watch(channel, { publication: ({ payload }) => noticed.push(payload), suspect: () => undefined })
    disk.holdsFlushes = true
    const answers: string[] = []
    const second = log.publish(channel, publication('2'))
    const repeated = log.publish(channel, publication('2'))
    for (const [name, answer] of Object.entries({ second, repeated })) void answer.then(() => answers.push(name))
    await settle()
    expect(await payloadsOf(backend)).toEqual(['1'])
    expect(await log.tails([channel])).toEqual([{ position: first.position, offset: 1 }])
    expect(await log.rewind(channel, { count: 1 })).toMatchObject({ offset: 0 })
    expect([noticed, answers]).toEqual([[], []])
    disk.letFlush()
    const [stored, again] = await Promise.all([second, repeated])
    expect(again).toEqual({ ...stored, duplicate: true })
    expect(noticed).toEqual(['2'])
    expect(await payloadsOf(backend)).toEqual(['1', '2'])
  })

  it('has told the watchers when it answers', async () => {
    const disk = new FaultyDisk()
    const [{ log }] = await start(disk, true)
    const events: string[] = []
    await log.watch(channel, {
      publication: ({ payload }) => events.push(`told ${String(payload)}`),
      suspect: () => undefined,
    })
    await Promise.all(
      ['1', '2'].map(async (payload) => {
        await log.publish(channel, publication(payload))
        events.push(`answered ${payload}`)
      }),
    )
    expect(events).toEqual(['told 1', 'told 2', 'answered 1', 'answered 2'])
  })

  it('never lets a reader skip what an unflushed batch trims', async () => {
    const disk = new FaultyDisk()
    const [backend] = await start(disk, true)
    const positions: string[] = []
    for (const payload of ['1', '2', '3']) {
      positions.push((await backend.log.publish(channel, publication(payload))).position)
    }
    disk.holdsFlushes = true
    const trimming = Promise.all(['4', '5'].map((payload) => backend.log.publish(channel, publication(payload))))
    await settle()
    expect(await payloadsOf(backend, positions[0])).toEqual(['gap trimmed', '3'])
    disk.letFlush()
    await trimming
    expect(await payloadsOf(backend, positions[0])).toEqual(['gap trimmed', '3', '4', '5'])
  })

  it('forgets at a crash only what nobody was told of', async () => {
    const disk = new FaultyDisk()
    const [before] = await start(disk, true)
    const kept = await before.log.publish(channel, publication('kept'))
    disk.holdsFlushes = true
    void before.log.publish(channel, publication('lost', 'retried')).catch(() => undefined)
    await settle()
    disk.crash()
    opened.length = 0
    const [after] = await start(disk, false)
    expect(await payloadsOf(after)).toEqual(['kept'])
    const retried = await after.log.publish(channel, publication('lost', 'retried'))
    expect(retried).toMatchObject({ duplicate: false, offset: 2 })
    expect(await payloadsOf(after, kept.position)).toEqual(['lost'])
  })

  it('refuses a batch that finds the disk full, stores nothing of it, and goes on when there is room', async () => {
    const disk = new FaultyDisk()
    const [backend, failures] = await start(disk, true)
    await backend.log.publish(channel, publication('1'))
    disk.failNextCommit = new StoreError('full', 'no space left on device')
    const refused = await Promise.allSettled(
      ['2', '3', '3'].map((payload) => backend.log.publish(channel, publication(payload))),
    )
    for (const outcome of refused) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'storage-full' } })
    }
    expect(await payloadsOf(backend)).toEqual(['1'])
    expect(await backend.log.publish(channel, publication('3'))).toMatchObject({ offset: 2, duplicate: false })
    expect(await payloadsOf(backend)).toEqual(['1', '3'])
    expect(failures).toEqual([])
  })

  it('refuses publishes while too little of the disk is free, and nothing else', async () => {
    const disk = new FaultyDisk()
    const [backend] = await start(disk, true)
    await backend.log.publish(channel, publication('1'))
    disk.freeBytes = 100_000
    await expect(backend.log.publish(channel, publication('2'))).rejects.toMatchObject({ code: 'storage-full' })
    expect(await backend.log.publish(channel, publication('1'))).toMatchObject({ offset: 1, duplicate: true })
    const inMemory: LogChannel = { ...channel, name: 'chat:other', durability: 'memory' }
    expect(await backend.log.publish(inMemory, publication('2'))).toMatchObject({ offset: 1, durability: 'memory' })
    await backend.state.set('fact', Uint8Array.of(1))
    disk.freeBytes = 1e9
    expect(await backend.log.publish(channel, publication('2'))).toMatchObject({ offset: 2, duplicate: false })
  })

  it('refuses publishes while it uses more than `maxBytes`, and takes them again after a purge', async () => {
    const disk = new FaultyDisk()
    const [backend] = await start(disk, true)
    await backend.log.publish(channel, publication('1'))
    disk.usedBytes = 65 * 1024 ** 3
    await expect(backend.log.publish(channel, publication('2'))).rejects.toMatchObject({ code: 'storage-full' })
    await backend.log.purge(channel)
    disk.usedBytes = 0
    expect(await backend.log.publish(channel, publication('2'))).toMatchObject({ offset: 2 })
  })

  it('removes from the disk what the rules do not keep', async () => {
    const disk = new FaultyDisk()
    const [backend] = await start(disk, true)
    const payloads = Array.from({ length: 500 }, (_, index) => String(index))
    await Promise.all(payloads.map((payload) => backend.log.publish(channel, publication(payload))))
    await backend.log.publish(channel, publication('last'))
    expect(disk.rows('log')).toBe(3)
    await backend.log.purge(channel)
    await backend.log.publish({ ...channel, name: 'chat:other' }, publication('other'))
    expect(disk.rows('log')).toBe(1)
  })

  it('removes the ids whose windows are over, also those from before a restart', async () => {
    const disk = new FaultyDisk()
    const [before] = await start(disk, true)
    await before.log.publish(channel, publication('1'))
    await before.close()
    const [after] = await start(disk, false)
    expect(await after.log.publish(channel, publication('1'))).toMatchObject({ offset: 1, duplicate: true })
    await after.log.publish(channel, publication('2'))
    expect(disk.rows('dedupe')).toBe(2)
    clock.advance(60_001)
    await after.log.publish(channel, publication('3'))
    expect(disk.rows('dedupe')).toBe(1)
    expect(await after.log.publish(channel, publication('1'))).toMatchObject({ duplicate: false })
  })

  it('knows a repeat by its window at the call, however long the disk makes it wait', async () => {
    const disk = new FaultyDisk()
    const [backend] = await start(disk, true)
    const first = await backend.log.publish(channel, publication('once'))
    disk.holdsFlushes = true
    const held = backend.log.publish(channel, publication('held'))
    await settle()
    clock.advance(59_999)
    const repeated = backend.log.publish(channel, publication('once'))
    clock.advance(60_000)
    disk.letFlush()
    await held
    expect(await repeated).toEqual({ ...first, duplicate: true })
    expect(await payloadsOf(backend)).toEqual(['once', 'held'])
    // Nothing waits any more, so what has ended is forgotten.
    expect(await backend.log.publish(channel, publication('once'))).toMatchObject({ duplicate: false })
  })

  it('removes the ids whose windows are over also after a batch that found the disk full', async () => {
    const disk = new FaultyDisk()
    const [{ log }] = await start(disk, true)
    await log.publish(channel, publication('1'))
    clock.advance(60_001)
    disk.failNextCommit = new StoreError('full', 'no space left on device')
    await expect(log.publish(channel, publication('2'))).rejects.toMatchObject({ code: 'storage-full' })
    expect(disk.rows('dedupe')).toBe(1)
    await log.publish(channel, publication('3'))
    expect(disk.rows('dedupe')).toBe(1)
    clock.advance(60_001)
    await log.publish(channel, publication('4'))
    expect(disk.rows('dedupe')).toBe(1)
  })

  it('refuses everything once it is closed', async () => {
    const [backend] = await start(new FaultyDisk(), true)
    await backend.close()
    const { log, state } = backend
    await expect(log.publish(channel, publication('1'))).rejects.toMatchObject({ code: 'unavailable' })
    await expect(log.tails([channel])).rejects.toMatchObject({ code: 'unavailable' })
    await expect(state.set('a', Uint8Array.of(1))).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('fences itself when a commit fails in any other way', async () => {
    const disk = new FaultyDisk()
    const [{ log }, failures] = await start(disk, true)
    disk.failNextCommit = new StoreError('failed', 'input/output error')
    await expect(log.publish(channel, publication('1'))).rejects.toMatchObject({ code: 'fenced' })
    expect(failures.map(({ code }) => code)).toEqual(['fenced'])
    await expect(log.publish(channel, publication('2'))).rejects.toMatchObject({ code: 'fenced' })
  })

  it('fences itself when a flush stays away past the deadline', async () => {
    const disk = new FaultyDisk()
    const [{ log }, failures] = await start(disk, true, 20)
    disk.holdsFlushes = true
    const first = Promise.allSettled([log.publish(channel, publication('1'))])
    await settle()
    const queued = Promise.allSettled([log.publish(channel, publication('2'))])
    const outcomes = [...(await first), ...(await queued)]
    for (const outcome of outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'fenced' } })
    expect(failures).toHaveLength(1)
    disk.letFlush()
    await settle()
    expect(await log.tails([channel])).toMatchObject([{ offset: 0 }])
  })

  it('refuses what would wait for a disk that takes long beyond a bound, and goes on afterwards', async () => {
    const disk = new FaultyDisk()
    const [{ log }] = await start(disk, true)
    disk.holdsFlushes = true
    const big = 'x'.repeat(4_000_000)
    const answers = await Promise.all([
      ...Array.from({ length: 30 }, (_, index) =>
        log.publish(channel, publication(big, `big-${index}`)).then(
          () => 'kept',
          (error: unknown) => (error as BackendError).code,
        ),
      ),
      settle().then(() => disk.letFlush()),
    ])
    expect(answers.filter((answer) => answer === 'overloaded').length).toBeGreaterThan(10)
    expect(answers.filter((answer) => answer === 'kept').length).toBeGreaterThan(10)
    expect(await log.publish(channel, publication('after'))).toMatchObject({ duplicate: false })
  })

  it('closes while somebody goes on publishing: what was queued is kept, the rest refused', async () => {
    const disk = new FaultyDisk()
    const [backend] = await start(disk, true)
    const queued = backend.log.publish(channel, publication('queued'))
    const closing = { isDone: false }
    const closed = backend.close().then(() => {
      closing.isDone = true
    })
    const late: Promise<unknown>[] = []
    while (!closing.isDone) {
      late.push(backend.log.publish(channel, publication(`late-${late.length}`)).catch((error: unknown) => error))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await closed
    expect(await queued).toMatchObject({ offset: 1 })
    expect((await Promise.all(late)).every((answer) => (answer as BackendError).code === 'unavailable')).toBe(true)
  })

  it('settles every publish of a batch that something unforeseen ends', async () => {
    const disk = new FaultyDisk()
    const [{ log }, failures] = await start(disk, true)
    disk.failNextCommit = new StoreError('failed', 'out of order')
    const answers = await Promise.all(
      ['1', '2', '3'].map((payload) => log.publish(channel, publication(payload)).catch((error: unknown) => error)),
    )
    expect(answers.map((answer) => (answer as BackendError).code)).toEqual(['fenced', 'fenced', 'fenced'])
    expect(failures).toHaveLength(1)
  })
})
