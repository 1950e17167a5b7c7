import type { HistoryReply } from '@tidings/protocol'
import type { RawClient } from '@tidings/testing'
import { expect, test } from 'vitest'
import { connect, publishNumbers, start } from '../node.fixture.js'

type Query = Partial<{ direction: 'forward' | 'backward'; from: string; at: number; limit: number }>

const read = async (client: RawClient, query: Query, channel = 'long:a'): Promise<HistoryReply> => {
  const reply = await client.request({ type: 'history', channel, ...query })
  expect(reply.type).toBe('history')
  return reply as HistoryReply
}

const dataOf = (page: HistoryReply): readonly unknown[] => page.publications.map(({ data }) => data)

test.each([
  ['forward', [0, 1, 2, 3, 4, 5, 6]],
  ['backward', [6, 5, 4, 3, 2, 1, 0]],
] as const)('reads %s page by page', async (direction, expected) => {
  const client = await connect(await start())
  await publishNumbers(client, 'long:a', 7)
  const seen: unknown[] = []
  let page = await read(client, { direction, limit: 3 })
  const sizes = [page.publications.length]
  seen.push(...dataOf(page))
  while (page.more) {
    page = await read(client, { direction, limit: 3, from: page.position })
    sizes.push(page.publications.length)
    seen.push(...dataOf(page))
  }
  expect(seen).toEqual(expected)
  expect(sizes).toEqual([3, 3, 1])
})

test('reads after and before a position, without it', async () => {
  const client = await connect(await start())
  const positions = await publishNumbers(client, 'long:a', 5)
  const from = positions[2] ?? ''
  expect(dataOf(await read(client, { from }))).toEqual([3, 4])
  expect(dataOf(await read(client, { from, direction: 'backward' }))).toEqual([1, 0])
})

test('reads from a time on, and before it', async () => {
  let now = 1_700_000_000_000
  const { memory } = await import('../backend/memory/index.js')
  const clock = { now: () => now, monotonic: () => performance.now() }
  const client = await connect(await start({ backend: memory({ clock }) }))
  for (const data of [0, 1, 2]) {
    await publishNumbers(client, 'long:a', 1, data)
    now += 1000
  }
  const at = 1_700_000_001_000
  expect(dataOf(await read(client, { at }))).toEqual([1, 2])
  expect(dataOf(await read(client, { at, direction: 'backward' }))).toEqual([0])
})

test('caps the limit and says that there is more', async () => {
  const client = await connect(await start({ limits: { maxHistoryPage: 4 } }))
  await publishNumbers(client, 'long:a', 6)
  const page = await read(client, { limit: 1_000_000 })
  expect(dataOf(page)).toEqual([0, 1, 2, 3])
  expect(page.more).toBe(true)
  expect(await client.next('connected')).toMatchObject({ limits: { maxHistoryPage: 4 } })
})

test('gives a gap before what is kept', async () => {
  const client = await connect(await start())
  const positions = await publishNumbers(client, 'any:a', 6)
  const page = await read(client, { from: positions[0] ?? '' }, 'any:a')
  expect(page).toMatchObject({ gap: { from: positions[0], to: positions[2], reason: 'trimmed', missed: 2 } })
  expect(dataOf(page)).toEqual([3, 4, 5])
  expect(await read(client, { from: 'foreign' }, 'any:a')).toMatchObject({ gap: { reason: 'epoch-changed' } })
})

test('answers an empty channel with an empty page', async () => {
  const client = await connect(await start())
  expect(await read(client, {})).toMatchObject({ publications: [], more: false })
})

test('is refused where nothing is kept, and to whom may not subscribe', async () => {
  const client = await connect(await start(), { token: 'ada' })
  expect(await client.request({ type: 'history', channel: 'typing:a' })).toMatchObject({ code: 'history-disabled' })
  expect(await client.request({ type: 'history', channel: 'private:bob' })).toMatchObject({ code: 'forbidden' })
  expect(await client.request({ type: 'history', channel: 'private:ada' })).toMatchObject({ type: 'history' })
  const both = { type: 'history', channel: 'any:a', from: 'x', at: 1 } as const
  expect(await client.request(both)).toMatchObject({ code: 'bad-command' })
})
