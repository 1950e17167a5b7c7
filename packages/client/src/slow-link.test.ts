import { afterEach, expect, test, vi } from 'vitest'
import { ScriptedServer } from '../test/scripted-server.js'
import { TestClock, take, testClient, untilState } from '../test/test-client.js'

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

/** A client with one subscription, on a page, whose time is the test's. */
const start = async (maxPayloadBytes: number, pingIntervalMs = 25_000) => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const page = new EventTarget()
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page))
  const clock = new TestClock()
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url, clock })
  const items = client.channel('a').subscribe()[Symbol.asyncIterator]()
  const peer = await server.peer()
  const limits = { maxFrameBytes: 2_000_000, maxPayloadBytes, maxSubscriptions: 100, maxHistoryPage: 100 }
  await peer.welcome({ pingIntervalMs, limits })
  await peer.subscribed('p0')
  let offset = 0
  return {
    client,
    peer,
    pass: (ms: number): void => {
      clock.monotonic += ms
      vi.advanceTimersByTime(ms)
    },
    /** A publication comes. */
    hear: async () => {
      peer.push('a', [++offset])
      await take(items, 1)
    },
    dispatch: (type: string) => page.dispatchEvent(new Event(type)),
  }
}

test('every message proves life to whoever waits for a reply that comes after it', async () => {
  const { client, peer, pass, hear } = await start(16_384)
  void client.channel('a').history()
  await peer.next('history')
  for (let n = 0; n < 10; n++) {
    await hear()
    pass(24_000)
  }
  expect(client.state).toBe('connected')
  const waiting = untilState(client, 'waiting')
  pass(6000)
  expect((await waiting).reason?.code).toBe('reply-timeout')
})

test('a reply may take as long as the largest publication before it at 5 KB/s', async () => {
  const { client, peer, pass } = await start(900_000)
  void client.channel('a').history()
  await peer.next('history')
  pass(240_000)
  expect(client.state).toBe('connected')
})

test('a silent connection is given as long as the largest publication takes at 5 KB/s', async () => {
  const { client, peer, pass, hear } = await start(900_000, 1000)
  await hear()
  pass(1000)
  await peer.next('ping')
  pass(240_000)
  expect(client.state).toBe('connected')
  const waiting = untilState(client, 'waiting')
  pass(10_000)
  expect((await waiting).reason?.code).toMatch('timeout')
})

test.each([
  ['visibilitychange', 'just now', 0, 18_000],
  ['visibilitychange', 'long ago', 20_000, 4999],
  ['online', 'just now', 0, 4999],
] as const)('after %s, a server that was heard %s is given its time', async (event, _title, silenceMs, givenMs) => {
  const { client, peer, pass, hear, dispatch } = await start(65_536)
  await hear()
  pass(silenceMs)
  dispatch(event)
  await peer.next('ping')
  pass(givenMs)
  expect(client.state).toBe('connected')
  const waiting = untilState(client, 'waiting')
  pass(2000)
  expect((await waiting).reason?.code).toBe('heartbeat-timeout')
})
