import { FakeClock } from '@tidings/testing/backend-suite'
import { afterEach, describe, expect, it, test } from 'vitest'
import { BackendError, type LogChannel, type NewPublication } from '../backend/backend.js'
import { IdTable } from '../backend/id-table.js'
import { memory as memoryBackend } from '../backend/memory/index.js'
import { ownerOf, workerOf } from '../backend/remote/served.fixture.js'
import { MemoryLog } from '../backend/memory/memory-log.js'
import { shortHash } from '../backend/fingerprint.js'
import { connect, start } from '../node.fixture.js'

const clock = new FakeClock()
let log: MemoryLog | undefined

const open = (options: { maxBytes?: number; maxDedupeEntries?: number } = {}): MemoryLog => {
  log = new MemoryLog({ clock, maxBytes: 1e9, maxDedupeEntries: 1e6, ...options })
  log.open()
  return log
}
afterEach(() => log?.close())

const channel = (name: string, rules: Partial<LogChannel> = {}): LogChannel => ({
  name,
  durability: 'memory',
  history: { maxCount: 1000 },
  dedupeWindowMs: 60_000,
  ...rules,
})

let ids = 0
const publication = (account: string | undefined, bytes = 1000): NewPublication => ({
  id: `id-${(ids += 1)}`,
  scope: account ?? 'app',
  publisher: null,
  payload: 'x'.repeat(bytes),
  account,
})

const keptCount = async (of: MemoryLog, name: string): Promise<number> =>
  (await of.read(channel(name), { direction: 'forward', limit: 1000, maxBytes: 1e9 })).publications.length

describe('the history in memory', () => {
  it('loses nothing of others when one user fills it', async () => {
    const memory = open({ maxBytes: 400_000 })
    for (let index = 0; index < 50; index++) await memory.publish(channel('room'), publication('user:ann'))
    const refused: unknown[] = []
    for (let index = 0; index < 1000; index++) {
      await memory
        .publish(channel(`flood-${index}`), publication('user:eve'))
        .catch((error: unknown) => refused.push(error))
    }
    expect(await keptCount(memory, 'room')).toBe(50)
    expect(refused.length).toBeGreaterThan(900)
    expect(refused[0]).toMatchObject({ code: 'over-share' })
    await memory.publish(channel('room'), publication('user:ann'))
  })

  it('lets a user who has a share go on in the same channel, and loses only what is the user’s own', async () => {
    const memory = open({ maxBytes: 400_000 })
    for (let index = 0; index < 500; index++) await memory.publish(channel('own'), publication('user:eve'))
    expect(await keptCount(memory, 'own')).toBeLessThanOrEqual(100)
    await memory.publish(channel('shared'), publication('user:ann'))
    await expect(memory.publish(channel('shared'), publication('user:eve'))).rejects.toMatchObject({
      code: 'over-share',
    })
    expect(await keptCount(memory, 'shared')).toBe(1)
    await memory.purge(channel('own'))
    await memory.publish(channel('shared'), publication('user:eve'))
  })

  it('has no share for what the application publishes', async () => {
    const memory = open({ maxBytes: 400_000 })
    for (let index = 0; index < 300; index++) await memory.publish(channel('own'), publication(undefined))
    expect(await keptCount(memory, 'own')).toBeGreaterThan(200)
  })
})

describe('names of channels', () => {
  it('are there for others when one user uses up a share, and again for the user once they are idle', async () => {
    const memory = open()
    const none = { history: null, durability: 'none', dedupeWindowMs: 1000 } as const
    const use = (name: string, account: string): Promise<unknown> =>
      memory.publish(channel(name, none), { ...publication(account, 1), isUnrepeatable: true })
    for (let index = 0; index < 125_000; index++) await use(`flood:${index}`, 'user:eve')
    await expect(use('flood:more', 'user:eve')).rejects.toMatchObject({ code: 'over-share' })
    const listener = { publication: () => undefined, suspect: () => undefined }
    await expect(memory.watch(channel('flood:watched', none), listener, 'user:eve')).rejects.toMatchObject({
      code: 'over-share',
    })
    await use('flood:0', 'user:eve')
    await use('other', 'user:ann')
    clock.advance(61_000)
    for (let step = 0; step < 7; step++) memory.sweep()
    await use('flood:more', 'user:eve')
  })
})

describe('publication ids', () => {
  it('are there for others when one user uses up a share, and again for the user after their windows', async () => {
    const memory = open({ maxDedupeEntries: 40 })
    const of = channel('a')
    for (let index = 0; index < 10; index++) await memory.publish(of, publication('user:eve', 1))
    await expect(memory.publish(of, publication('user:eve', 1))).rejects.toMatchObject({ code: 'over-share' })
    for (let index = 0; index < 10; index++) await memory.publish(of, publication('user:ann', 1))
    clock.advance(60_001)
    await memory.publish(of, publication('user:eve', 1))
  })

  it('count for whoever used them last, and not once they were taken back', () => {
    const table = new IdTable(8)
    const entry = { payloadHash: shortHash('x'), offset: 1, time: 1, expiresAt: 10, tag: 1 }
    table.set(shortHash('a'), entry, 'user:eve')
    table.set(shortHash('b'), entry, 'user:eve')
    expect(table.hasShare('user:eve', 1)).toBe(false)
    table.set(shortHash('b'), entry, 'user:ann')
    expect(table.hasShare('user:eve', 1)).toBe(true)
    table.set(shortHash('c'), entry, 'user:eve')
    table.delete(shortHash('a'))
    expect(table.hasShare('user:eve', 1)).toBe(true)
    table.set(shortHash('d'), entry, 'user:eve')
    expect(table.hasShare('user:eve', 1)).toBe(false)
    expect(table.hasShare('user:eve', 11)).toBe(true)
    expect(table.hasShare(undefined, 1)).toBe(true)
  })
})

test('the memory for presence is there for others when one user uses up a share, over all connections', async () => {
  const node = await start({ limits: { maxPresenceTotalBytes: 16_000 } })
  const enter = async (user: string, room: number) => {
    const client = await connect(node, { token: user })
    const data = 'x'.repeat(400)
    return client.request({ type: 'presence', channel: `chat:${room}`, action: 'enter', data })
  }
  const answers: string[] = []
  for (let room = 0; room < 8; room++) answers.push((await enter('eve', room)).type)
  expect(answers.filter((type) => type === 'presence')).toHaveLength(4)
  expect(await enter('eve', 9)).toMatchObject({ type: 'error', code: 'overloaded', retryable: true })
  expect(await enter('ann', 0)).toMatchObject({ type: 'presence' })
  expect(node.tidings.limitsReached()).toEqual({ maxPresenceTotalBytes: 5 })
})

test('presence entries that were refused are not the session’s, and those that ended make room', async () => {
  const node = await start({ limits: { maxPresenceTotalBytes: 4000 } })
  const client = await connect(node, { token: 'eve' })
  const ask = (action: 'enter' | 'update' | 'leave', room: string, bytes = 0) =>
    client.request({ type: 'presence', channel: `chat:${room}`, action, data: 'x'.repeat(bytes) })
  expect(await ask('enter', 'a', 300)).toMatchObject({ type: 'presence' })
  expect(await ask('enter', 'b', 300)).toMatchObject({ code: 'overloaded' })
  expect(await ask('leave', 'b')).toMatchObject({ code: 'not-present' })
  expect(await ask('update', 'a', 900)).toMatchObject({ code: 'overloaded' })
  expect(await ask('update', 'a', 200)).toMatchObject({ type: 'presence' })
  expect(await ask('leave', 'a')).toMatchObject({ type: 'presence' })
  expect(await ask('enter', 'b', 300)).toMatchObject({ type: 'presence' })
})

test('what a user may not store is answered overloaded, and told to the operator', async () => {
  const node = await start({ backend: memoryBackend({ maxDedupeEntries: 8 }) })
  const eve = await connect(node, { token: 'eve' })
  const publish = (id: string) => eve.request({ type: 'publish', channel: 'long:a', publicationId: id, data: 1 })
  expect(await publish('1')).toMatchObject({ type: 'published' })
  expect(await publish('2')).toMatchObject({ type: 'published' })
  expect(await publish('3')).toMatchObject({ type: 'error', code: 'overloaded', retryable: true })
  expect(await publish('2')).toMatchObject({ type: 'published', duplicate: true })
  expect(node.tidings.limitsReached()).toEqual({ shares: 1 })
})

test('a share is of the user at all workers together, and of an address for anonymous clients', async () => {
  const inner = memoryBackend({ maxDedupeEntries: 8 })
  await inner.open(() => undefined)
  const owner = ownerOf(inner)
  const workers = [await workerOf(owner), await workerOf(owner)]
  for (const account of ['user:eve', 'address:192.0.2.1']) {
    const answers: unknown[] = []
    for (const { backend } of [...workers, ...workers]) {
      const one = { ...publication(account, 1), scope: account.startsWith('user') ? account : `client:${ids}` }
      const stored = backend.log.publish(channel('a'), one).then(() => 'stored')
      answers.push(await stored.catch((error: unknown) => error instanceof BackendError && error.code))
    }
    expect(answers).toEqual(['stored', 'stored', 'over-share', 'over-share'])
  }
  const [worker] = workers
  for (let index = 0; index < 3; index++) await worker?.backend.log.publish(channel('a'), publication(undefined, 1))
  for (const { backend } of workers) await backend.close()
  await inner.close()
})
