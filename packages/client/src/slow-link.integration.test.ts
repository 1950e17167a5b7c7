import { channel, defineContract } from '@tidings/contract'
import { memory } from '@tidings/server/memory'
import { FaultProxy, startNode } from '@tidings/testing'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { testClient, untilState } from '../test/test-client.js'
import type { ClientState, PublishResult } from './index.js'

/** Longer under way at 10 KB/s than any deadline of a session that says nothing. */
const COUNT = 400
const TEXT = 'x'.repeat(1000)
const RATE = { bytesPerSecond: 10_000 }

const app = defineContract({ lines: channel({ history: { maxCount: 10_000 } }) })

afterEach(() => vi.unstubAllGlobals())

/** A node with publications, and a proxy before it. */
const start = async (): Promise<FaultProxy> => {
  const node = await startNode<typeof app>({
    contract: app,
    backend: memory(),
    authenticate: () => null,
    allow: { lines: { subscribe: true, publish: true, history: true } },
  })
  onTestFinished(() => node.close())
  for (let n = 0; n < COUNT; n++) await node.tidings.channel('lines').publish([n, TEXT])
  const proxy = await FaultProxy.listen({ targetPort: node.port })
  onTestFinished(() => proxy.close())
  return proxy
}

test('one connection at 10 KB/s is enough to catch up and to publish, while its page comes and goes', {
  timeout: 300_000,
}, async () => {
  const page = new EventTarget()
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page))
  const proxy = await start()
  const client = testClient<typeof app>({ url: `ws://127.0.0.1:${proxy.port}/ws` })
  const states: ClientState[] = []
  client.on('state', ({ state }) => states.push(state))
  client.connect()
  await untilState(client, 'connected')
  proxy.setRulesOfAll('both', RATE)
  const lines = client.channel('lines')
  const own: Promise<PublishResult>[] = []
  const numbers: unknown[] = []
  let answered = 0
  let answeredBeforeTheLast = 0
  for await (const item of lines.subscribe({ rewind: COUNT })) {
    if (item.kind !== 'publication') throw new Error(`a gap: ${item.reason}`)
    const [number] = item.data as [number]
    if (number === COUNT - 1) answeredBeforeTheLast = answered
    if (numbers.push(number) % 20 === 0) page.dispatchEvent(new Event('visibilitychange'))
    if (numbers.length % 40 === 0 && own.length < 5) {
      const publish = lines.publish([COUNT + own.length, ''])
      own.push(
        (async () => {
          const result = await publish
          answered++
          return result
        })(),
      )
    }
    if (numbers.length === COUNT + own.length && own.length === 5) break
  }
  expect(numbers).toEqual(Array.from({ length: COUNT + 5 }, (_, n) => n))
  for (const result of await Promise.all(own)) expect(result).toMatchObject({ ok: true, duplicate: false })
  // Replies do not wait behind all that is still to come.
  expect(answeredBeforeTheLast).toBe(5)
  expect(states).toEqual(['connecting', 'connected'])
})
