import { channel, defineContract } from '@tidings/contract'
import { memory } from '@tidings/server/memory'
import { FaultProxy, startNode } from '@tidings/testing'
import { expect, onTestFinished, test } from 'vitest'
import { take, testClient } from '../test/test-client.js'
import type { ClientStateChange } from './index.js'

const ROUNDS = 120
const BURST = 2
/** Less than a goodbye has, so that one of them takes the place of a frame's end. */
const STEP = 7

const app = defineContract({ lines: channel({ history: { maxCount: 10_000 } }) })

/** A node, and a proxy that says goodbye in the middle of frames. */
const start = async () => {
  const node = await startNode<typeof app>({
    contract: app,
    backend: memory(),
    authenticate: () => null,
    allow: { lines: { subscribe: true, publish: true } },
  })
  onTestFinished(() => node.close())
  const proxy = await FaultProxy.listen({ targetPort: node.port })
  onTestFinished(() => proxy.close())
  return { node, proxy, url: `ws://127.0.0.1:${proxy.port}/ws` }
}

test('nothing is lost when a proxy says goodbye in the middle of frames', { timeout: 120_000 }, async () => {
  const { proxy, url } = await start()
  const reader = testClient<typeof app>({ url })
  const writer = testClient<typeof app>({ url })
  const changes: ClientStateChange[] = []
  for (const client of [reader, writer]) client.on('state', (change) => changes.push(change))
  const subscription = reader.channel('lines').subscribe()
  const items = subscription[Symbol.asyncIterator]()
  await new Promise<void>((resolve) => subscription.on('state', ({ state }) => state === 'live' && resolve()))
  for (let round = 0; round < ROUNDS; round++) {
    const lines = Array.from({ length: BURST }, (_, n) => `${round}.${n} ${'ä'.repeat(20)}`)
    // The first ones land in the head of a frame.
    for (const connection of proxy.connections) {
      const direction = round % 2 === 0 ? 'to-client' : 'to-server'
      connection.cutAfter(direction, 1 + Math.floor(round / 2) * STEP, 'goodbye')
    }
    const results = await Promise.all(lines.map((line) => writer.channel('lines').publish(line)))
    expect(results.filter(({ ok }) => !ok)).toEqual([])
    const got = await take(items, BURST)
    expect(got.map((item) => (item.kind === 'publication' ? item.data : item))).toEqual(lines)
    expect(changes.filter(({ state }) => state === 'closed')).toEqual([])
  }
  const reasons = changes.map(({ reason }) => reason?.message)
  expect(reasons).toContain('Invalid WebSocket frame: MASK must be clear')
  expect(reasons).toContain('bad-frame')
})
