import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { ScriptedServer } from '../test/scripted-server.js'
import { testClient, untilState } from '../test/test-client.js'
import type { ClientStateChange } from './index.js'
import { TokenRequests } from './token-requests.js'

const start = async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url })
  return { server, client, a: client.channel('a') }
}

test('a number of a subscription that ended is free once the session that had it is lost', async () => {
  const { server, a } = await start()
  const subscription = a.subscribe()
  const first = await server.peer()
  await first.welcome()
  await first.subscribed()
  subscription.unsubscribe()
  await first.next('unsubscribe')
  first.socket.terminate()
  const second = await server.peer()
  await second.welcome()
  a.subscribe()
  void a.publish(1)
  expect((await second.subscribed()).sub).toBeUndefined()
  // Nothing is subscribed a second time.
  await second.published()
})

test('a subscription that ended no longer listens to its signal', async () => {
  const { a } = await start()
  const { signal } = new AbortController()
  const subscription = a.subscribe({ signal })
  expect(getEventListeners(signal, 'abort')).toHaveLength(1)
  subscription.unsubscribe()
  expect(getEventListeners(signal, 'abort')).toEqual([])
})

test('a publish that is done no longer listens to its signal', async () => {
  const { server, a } = await start()
  const { signal } = new AbortController()
  const sent = a.publish(1, { signal })
  const peer = await server.peer()
  await peer.welcome()
  await peer.published()
  await sent
  expect(getEventListeners(signal, 'abort')).toEqual([])
})

test('stays closed when a listener closes it in the moment in which it loses its connection', async () => {
  const { server, client, a } = await start()
  const subscription = a.subscribe()
  const peer = await server.peer()
  await peer.welcome()
  await peer.subscribed()
  await new Promise<void>((resolve) => subscription.on('state', () => resolve()))
  const changes: ClientStateChange[] = []
  subscription.on('state', ({ state }) => state === 'waiting' && client.close())
  client.on('state', (change) => changes.push(change))
  peer.socket.terminate()
  await untilState(client, 'closed')
  await new Promise((resolve) => setImmediate(resolve))
  expect(client.state).toBe('closed')
  expect(changes.map(({ state }) => state)).toEqual(['closed'])
})

test('tries again when the platform refuses to make a WebSocket', async () => {
  const server = await ScriptedServer.start()
  let refusals = 0
  class Refusing extends WebSocket {
    constructor(...args: ConstructorParameters<typeof WebSocket>) {
      if (refusals++ === 0) throw new Error('not from this page')
      super(...args)
    }
  }
  const client = testClient({ url: server.url, WebSocket: Refusing })
  const waiting = untilState(client, 'waiting')
  client.connect()
  const { reason } = await waiting
  expect(reason?.code).toBe('connection-lost')
  expect(reason?.message).toContain('not from this page')
  await (await server.peer()).welcome()
  await untilState(client, 'connected')
})

test('a page of history without a gap says so, and one with a gap has it', async () => {
  const { server, a } = await start()
  const whole = a.history()
  const peer = await server.peer()
  await peer.welcome()
  const answer = { type: 'history', channel: 'a', publications: [], position: 'p0', more: false } as const
  peer.send({ ...answer, id: (await peer.next('history')).id })
  expect(await whole).toMatchObject({ ok: true, gap: null })
  const trimmed = a.history()
  const gap = { reason: 'trimmed', from: 'p0', to: 'p4', missed: 4 } as const
  peer.send({ ...answer, id: (await peer.next('history')).id, gap })
  expect(await trimmed).toMatchObject({ ok: true, gap: { kind: 'gap', ...gap } })
})

test('hands out nothing more once the client was closed, not even what it had buffered', async () => {
  const { server, client, a } = await start()
  const subscription = a.subscribe()
  const peer = await server.peer()
  await peer.welcome()
  await peer.subscribed()
  peer.push('a', [1, 2])
  const caughtUp = new Promise((resolve) => subscription.on('caught-up', resolve))
  peer.send({ type: 'caught-up', channel: 'a', position: 'p2' })
  await caughtUp
  client.close()
  expect(await subscription[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined })
})

test.each([
  { pingIntervalMs: 0 },
  { retryWindowMs: -1 },
  { limits: { maxFrameBytes: 0 } },
  { limits: { maxPayloadBytes: 0 } },
])('leaves a server that welcomes it with %o', async (wrong) => {
  const { server, client } = await start()
  const states: string[] = []
  client.on('state', ({ state }) => states.push(state))
  const waiting = untilState(client, 'waiting')
  client.connect()
  const peer = await server.peer()
  const limits = { maxFrameBytes: 65_536, maxPayloadBytes: 16_384, maxSubscriptions: 100, maxHistoryPage: 100 }
  await peer.welcome({ ...wrong, limits: { ...limits, ...wrong.limits } })
  await waiting
  expect(states).not.toContain('connected')
})

test('a token that nobody waits for any more goes to nobody', async () => {
  let give: (token: string) => void = () => undefined
  const requests = new TokenRequests(() => new Promise((resolve) => (give = resolve)))
  const used: unknown[] = []
  requests.ask(
    (token) => used.push(token),
    (error) => used.push(error),
  )
  requests.drop()
  give('late')
  await new Promise((resolve) => setImmediate(resolve))
  expect(used).toEqual([])
})
