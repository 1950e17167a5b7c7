import { channel, defineContract } from '@tidings/contract'
import { memory } from '@tidings/server/memory'
import { type LocalNode, startNode } from '@tidings/testing'
import { SignJWT } from 'jose'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { take, testClient, untilState } from '../test/test-client.js'
import type { ClientStateChange } from './index.js'

const SECRET = 'a secret of more than thirty-two bytes'
const contract = defineContract({ 'chat:{room}': channel({ history: { maxCount: 100 } }) })

/** Ahead of the real clock by what the test says; tokens are made by the real one. */
class ServerClock {
  aheadMs = 0

  now(): number {
    return Date.now() + this.aheadMs
  }

  monotonic(): number {
    return performance.now()
  }
}

const makeToken = (seconds: number, actions: readonly string[] = ['subscribe', 'publish'], at = Date.now()) =>
  new SignJWT({ sub: 'ann', tidings: { allow: { 'chat:{room}': actions } } })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuedAt(Math.floor(at / 1000))
    .setExpirationTime(Math.floor(at / 1000) + seconds)
    .sign(Buffer.from(SECRET))

const start = async (): Promise<{ node: LocalNode<typeof contract>; clock: ServerClock }> => {
  const clock = new ServerClock()
  const node = await startNode({ contract, backend: memory(), tokens: { keys: [{ secret: SECRET }] }, clock })
  onTestFinished(() => node.close())
  return { node, clock }
}

test('a client whose token expires is renewed without losing its connection', async () => {
  const { node, clock } = await start()
  let calls = 0
  const heard: string[] = []
  class HeardSocket extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols)
      this.on('message', (data: Buffer) => heard.push(data.toString()))
    }
  }
  const client = testClient({ url: node.url, token: () => makeToken(60 * ++calls), WebSocket: HeardSocket })
  const changes: ClientStateChange[] = []
  client.on('state', (change) => changes.push(change))
  const lobby = client.channel('chat:lobby')
  const items = lobby.subscribe()[Symbol.asyncIterator]()
  await lobby.publish(1)
  await take(items, 1)
  clock.aheadMs = 50_000
  await expect.poll(() => heard.join()).toContain('"refreshed"')
  expect(calls).toBe(2)
  clock.aheadMs = 90_000
  expect(await lobby.publish(2)).toMatchObject({ ok: true })
  expect(await take(items, 1)).toMatchObject([{ data: 2 }])
  expect(changes.map(({ state }) => state)).toEqual(['connecting', 'connected'])
  expect(client.user).toBe('ann')
})

test('a renewed token that takes a right away ends the subscription with the reason', async () => {
  const { node, clock } = await start()
  let calls = 0
  const client = testClient({
    url: node.url,
    token: () => makeToken(60 * ++calls, calls === 1 ? ['subscribe', 'create'] : []),
  })
  const items = client.channel('chat:lobby').subscribe()[Symbol.asyncIterator]()
  await node.tidings.channel('chat:{room}', { room: 'lobby' }).publish('before')
  const next = items.next()
  await untilState(client, 'connected')
  clock.aheadMs = 50_000
  await expect(next.then(() => items.next())).rejects.toMatchObject({ code: 'forbidden', retryable: false })
  expect(client.state).toBe('connected')
})

test('a client with a fixed token comes back once after its end, and closes with the reason', async () => {
  const { node, clock } = await start()
  const client = testClient({ url: node.url, token: await makeToken(60) })
  const reasons: (string | undefined)[] = []
  client.on('state', ({ reason }) => reason && reasons.push(`${reason.code}: ${reason.message}`))
  client.connect()
  await untilState(client, 'connected')
  clock.aheadMs = 70_000
  await untilState(client, 'closed')
  expect(reasons).toEqual(['token-expired: token-expired', 'unauthorized: the token has expired'])
})

test('a client of a revoked user stays away until it is told to connect, and misses nothing then', async () => {
  const { node, clock } = await start()
  const client = testClient({ url: node.url, token: () => makeToken(60, ['subscribe', 'create'], clock.now()) })
  const lobby = node.tidings.channel('chat:{room}', { room: 'lobby' })
  const subscription = client.channel('chat:lobby').subscribe()
  const items = subscription[Symbol.asyncIterator]()
  await new Promise((resolve) => subscription.on('caught-up', resolve))
  await lobby.publish(1)
  await take(items, 1)
  const closed = untilState(client, 'closed')
  await node.tidings.revoke({ user: 'ann' })
  expect((await closed).reason?.code).toBe('revoked')
  await lobby.publish(2)
  // Tokens that were issued within the tolerance for clocks are refused, too.
  clock.aheadMs = 20_000
  client.connect()
  await untilState(client, 'connected')
  await lobby.publish(3)
  expect(await take(items, 2)).toMatchObject([{ data: 2 }, { data: 3 }])
})
