import { FakeClock } from '@tidings/testing/backend-suite'
import { expect, test } from 'vitest'
import { memory } from '../backend/memory/index.js'
import { allow, connect, latch, start } from '../node.fixture.js'

const WINDOW_MS = 120_000
const REPEAT = { type: 'publish', channel: 'long:a', data: 'once', publicationId: 'one' } as const

/** A node whose time is moved by the test, as if the process had stood still meanwhile. */
const startWithClock = async (options: Parameters<typeof start>[0] = {}) => {
  const clock = new FakeClock()
  const node = await start({ backend: memory({ clock }), clock, ...options })
  const stored = async (): Promise<unknown[]> => {
    const { publications } = await node.tidings.channel('long:{name}', { name: 'a' }).history()
    return publications.map(({ data }) => data)
  }
  return { clock, node, stored }
}

test.each([
  { intervalMs: 20_000, deadlineMs: 35_000 },
  { intervalMs: 1000, deadlineMs: 2500 },
  { intervalMs: 20_000, deadlineMs: 110_000 },
])('leaves a silent connection with %o its time until it is closed', async (heartbeat) => {
  const client = await connect(await start({ heartbeat }))
  const { retryWindowMs } = await client.next('connected')
  const tickMs = Math.min(1000, (heartbeat.deadlineMs - heartbeat.intervalMs) / 4)
  expect(retryWindowMs + heartbeat.deadlineMs + 4 * tickMs).toBeLessThanOrEqual(WINDOW_MS)
  expect(retryWindowMs).toBeGreaterThan(0)
})

test('ends a session unread whose next frame may be older than its id is remembered', async () => {
  const { clock, node, stored } = await startWithClock()
  const [first, second] = [await connect(node, { token: 'ada' }), await connect(node, { token: 'ada' })]
  expect(await first.request(REPEAT)).toMatchObject({ type: 'published' })
  clock.advance(WINDOW_MS + 1)
  second.send([{ ...REPEAT, id: 7 }])
  expect(await second.closed).toEqual({ code: 4001, reason: 'heartbeat-timeout' })
  expect(await stored()).toEqual(['once'])
})

test('adds up stops that are short, with no frame between them', async () => {
  const { clock, node, stored } = await startWithClock()
  const [first, second] = [await connect(node, { token: 'ada' }), await connect(node, { token: 'ada' })]
  await first.request(REPEAT)
  for (let stop = 0; stop < 7; stop++) {
    clock.advance(20_000)
    await first.request({ type: 'ping' })
  }
  second.send([{ ...REPEAT, id: 7 }])
  expect((await second.closed).code).toBe(4001)
  expect(await stored()).toEqual(['once'])
})

test('does not take a pong for fresh that waited as long as what comes after it', async () => {
  const { clock, node, stored } = await startWithClock({ heartbeat: { intervalMs: 40, deadlineMs: 200 } })
  const [first, second] = [await connect(node, { token: 'ada' }), await connect(node, { token: 'ada' })]
  await first.request(REPEAT)
  clock.advance(WINDOW_MS + 1)
  second.socket.pong('waited')
  second.send([{ ...REPEAT, id: 7 }])
  expect((await second.closed).code).toBe(4001)
  expect(await stored()).toEqual(['once'])
})

test.each([
  ['refuses', 79_999, { type: 'error', code: 'unavailable', retryable: true }],
  ['knows', 80_001, { type: 'published', duplicate: true }],
])('%s a repeat that may be stored within %i ms and waits on a connection that is never silent', async (...row) => {
  const [, withinMs, reply] = row
  const { clock, node, stored } = await startWithClock()
  const [first, second] = [await connect(node, { token: 'ada' }), await connect(node, { token: 'ada' })]
  await first.request(REPEAT)
  for (let passed = 0; passed < 80_000; passed += 10_000) {
    clock.advance(10_000)
    await second.request({ type: 'ping' })
  }
  expect(await second.request({ ...REPEAT, withinMs })).toMatchObject(reply)
  expect(await stored()).toEqual(['once'])
})

test('keeps sessions when the process stood still for less than the margin', async () => {
  const { clock, node, stored } = await startWithClock()
  const [first, second] = [await connect(node, { token: 'ada' }), await connect(node, { token: 'ada' })]
  await first.request(REPEAT)
  clock.advance(30_000)
  expect(await second.request(REPEAT)).toMatchObject({ type: 'published', duplicate: true })
  expect(await stored()).toEqual(['once'])
})

test('answers a repeat that waited for the application too long, and stores what nobody can repeat', async () => {
  const [asked, allowed] = [latch(), latch<boolean>()]
  const { clock, node, stored } = await startWithClock({
    allow: {
      ...allow,
      'private:{id}': {
        publish: () => {
          asked.open()
          return allowed.opened
        },
      },
    },
  })
  const [first, second] = [await connect(node, { token: 'ada' }), await connect(node, { token: 'ada' })]
  await first.request(REPEAT)
  second.send([
    { type: 'publish', id: 10, channel: 'private:ada', data: 'held' },
    { ...REPEAT, id: 11 },
    { type: 'publish', id: 12, channel: 'long:a', data: 'without an id' },
  ])
  await asked.opened
  clock.advance(WINDOW_MS + 1)
  allowed.open(true)
  const refusal = await second.find((item) => 'id' in item && item.id === 11)
  expect(refusal).toMatchObject({ type: 'error', code: 'unavailable', retryable: true })
  await second.find((item) => item.type === 'published' && item.id === 12)
  expect(await stored()).toEqual(['once', 'without an id'])
})
