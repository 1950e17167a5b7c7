import { setImmediate as endOfTurn } from 'node:timers/promises'
import { channel, defineContract } from '@tidings/contract'
import { memory } from '@tidings/server/memory'
import { frame, type LocalNode, RawClient, RawSocket, startNode } from '@tidings/testing'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'

const contract = defineContract({
  'any:{name}': channel({ history: { maxCount: 100 } }),
  'chat:{name}': channel({ history: { maxCount: 100 }, presence: true }),
})
const everything = { subscribe: true, publish: true, presence: true }
const allow = { 'any:{name}': everything, 'chat:{name}': everything }
const MAX_GROWTH_BYTES = 300 * 1024 * 1024

export let node: LocalNode<typeof contract>
export let bystander: RawClient
let heard = 0
let memoryBefore = 0
const unhandled: unknown[] = []
const noteUnhandled = (error: unknown): void => void unhandled.push(error)
const open = new Set<RawSocket>()

beforeAll(async () => {
  process.on('unhandledRejection', noteUnhandled)
  const limits = { profile: 'load-test', commandsPerSecond: 500, commandBurst: 2000 } as const
  node = await startNode({ contract, allow, backend: memory(), authenticate: () => null, echoPath: '/echo', limits })
  bystander = await RawClient.open(node.url)
  await bystander.request({ type: 'subscribe', channel: 'any:bystander' })
})

beforeEach(() => {
  memoryBefore = process.memoryUsage().rss
})

// After every case: the node lives, and the bystander has heard nothing but what it sends itself.
afterEach(async () => {
  for (const raw of open) raw.socket.destroy()
  open.clear()
  while (node.tidings.health().sessions > 1) await endOfTurn()
  const before = bystander.received.length
  await bystander.request({ type: 'publish', channel: 'any:bystander', data: heard })
  heard += 1
  await bystander.countOf('any:bystander', heard)
  expect(
    bystander.received
      .slice(before)
      .map(({ type }) => type)
      .sort(),
  ).toEqual(['publications', 'published'])
  expect(node.tidings.health()).toMatchObject({ status: 'ok', sessions: 1, channels: 1 })
  expect(unhandled).toEqual([])
  expect(process.memoryUsage().rss - memoryBefore).toBeLessThan(MAX_GROWTH_BYTES)
})

afterAll(async () => {
  await bystander.close()
  await node.close()
  process.off('unhandledRejection', noteUnhandled)
})

/** Closed after the test. */
export const kept = (raw: RawSocket): RawSocket => {
  open.add(raw)
  return raw
}

/** A connection that has made its handshake. */
export const openRaw = async (headers?: Readonly<Record<string, string>>, path?: string): Promise<RawSocket> =>
  kept(await RawSocket.open(node.port, path, headers))

/** A session that has connected. */
export const session = async (): Promise<RawSocket> => {
  const raw = await openRaw()
  raw.write(frame('{"type":"connect","id":1}'))
  await raw.until(() => raw.messages.length === 1)
  return raw
}

export const MSGPACK = { 'Sec-WebSocket-Protocol': 'tidings.v1.msgpack' }
