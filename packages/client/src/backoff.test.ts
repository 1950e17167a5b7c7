import { freePort } from '@tidings/testing'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { ScriptedServer } from '../test/scripted-server.js'
import { TestClock, untilState } from '../test/test-client.js'
import { createClient } from './index.js'

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** Every wait is the longest it can be, and passes when the test says so. */
const longestWaits = (): void => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  vi.spyOn(Math, 'random').mockReturnValue(0.999)
}

test('waits up to 5 s between attempts, doubling from half a second', async () => {
  longestWaits()
  const client = createClient({ url: `ws://127.0.0.1:${await freePort()}`, WebSocket })
  onTestFinished(() => client.close())
  client.connect()
  const waits: unknown[] = []
  for (let n = 0; n < 6; n++) {
    const { retryInMs = NaN } = await untilState(client, 'waiting')
    waits.push(Math.round(retryInMs))
    vi.advanceTimersByTime(retryInMs)
  }
  expect(waits).toEqual([500, 999, 1998, 3996, 4995, 4995])
})

test.each([1001, 1012, 4000])(
  'comes back within a second of goodbye %i, however often it failed before',
  async (code) => {
    longestWaits()
    const clock = new TestClock()
    const server = await ScriptedServer.start()
    const client = createClient({ url: server.url, WebSocket, clock })
    onTestFinished(() => client.close())
    client.connect()
    const endsAfter = async (ms: number, close: number): Promise<number | undefined> => {
      const peer = await server.peer()
      await peer.welcome()
      await untilState(client, 'connected')
      clock.monotonic += ms
      peer.socket.close(close)
      const { retryInMs = NaN } = await untilState(client, 'waiting')
      vi.advanceTimersByTime(retryInMs)
      return Math.round(retryInMs)
    }
    for (const wait of [500, 999, 1998, 3996, 4995]) expect(await endsAfter(1, 4004)).toBe(wait)
    expect(await endsAfter(1001, code)).toBe(999)
    expect(await endsAfter(1001, code)).toBe(999)
    // A server that says goodbye to everybody at once is not asked every second.
    for (const wait of [999, 1998, 3996, 4995]) expect(await endsAfter(1, code)).toBe(wait)
  },
)
