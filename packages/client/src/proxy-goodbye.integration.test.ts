import { setImmediate as nextTurn } from 'node:timers/promises'
import { channel, defineContract } from '@tidings/contract'
import { memory } from '@tidings/server/memory'
import { FaultProxy, startNode } from '@tidings/testing'
import { expect, onTestFinished, test } from 'vitest'
import { take, testClient } from '../test/test-client.js'
import type { ClientStateChange } from './index.js'

const ROUNDS = 24
const BURST = 2

const app = defineContract({ lines: channel({ history: { maxCount: 10_000 } }) })

/** A proxy before a node. */
const start = async (): Promise<FaultProxy> => {
  const node = await startNode<typeof app>({
    contract: app,
    backend: memory(),
    authenticate: () => null,
    allow: { lines: { subscribe: true, publish: true } },
  })
  onTestFinished(() => node.close())
  const proxy = await FaultProxy.listen({ targetPort: node.port })
  onTestFinished(() => proxy.close())
  return proxy
}

const bytesToServer = ({ connections }: FaultProxy): number =>
  connections.reduce((sum, connection) => sum + connection.bytesToServer, 0)

test('nothing is lost when a proxy says goodbye in the middle of frames', { timeout: 120_000 }, async () => {
  const proxy = await start()
  const url = `ws://127.0.0.1:${proxy.port}/ws`
  const reader = testClient<typeof app>({ url })
  const writer = testClient<typeof app>({ url })
  writer.connect()
  const changes: ClientStateChange[] = []
  for (const client of [reader, writer]) client.on('state', (change) => changes.push(change))
  const subscription = reader.channel('lines').subscribe()
  const items = subscription[Symbol.asyncIterator]()
  await new Promise<void>((resolve) => subscription.on('state', ({ state }) => state === 'live' && resolve()))
  /** What a burst takes to the server, in one frame. */
  let frameBytes = 0
  for (let round = 0; round < ROUNDS; round++) {
    const lines = Array.from({ length: BURST }, (_, n) => `${String(round).padStart(2, '0')}.${n} ${'ä'.repeat(20)}`)
    while (reader.state !== 'connected' || writer.state !== 'connected') await nextTurn()
    const sentBefore = bytesToServer(proxy)
    // From the head of a frame on, from its last bytes back, and into its middle.
    const place = [Math.floor(round / 6), frameBytes - Math.floor(round / 2), 13 * round][round % 3] ?? 0
    for (const connection of round === 0 ? [] : proxy.connections) {
      connection.cutAfter(round % 2 === 0 ? 'to-client' : 'to-server', Math.max(1, place), 'goodbye')
    }
    const results = await Promise.all(lines.map((line) => writer.channel('lines').publish(line)))
    expect(results.filter(({ ok }) => !ok)).toEqual([])
    if (round === 0) frameBytes = bytesToServer(proxy) - sentBefore
    const got = await take(items, BURST)
    expect(got.map((item) => (item.kind === 'publication' ? item.data : item))).toEqual(lines)
    expect(changes.filter(({ state }) => state === 'closed')).toEqual([])
  }
  const reasons = changes.map(({ reason }) => reason?.message)
  expect(reasons).toContain('Invalid WebSocket frame: MASK must be clear')
  expect(reasons.some((reason) => reason === 'bad-frame' || reason === 'closed with 1007')).toBe(true)
})
