import { freePort } from '@tidings/testing'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { ScriptedServer } from '../test/scripted-server.js'
import { TestClock, take, testClient, untilState } from '../test/test-client.js'
import type { ClientStateChange } from './index.js'
import { createClient } from './index.js'

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const fakeTimeouts = () => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })

/** An address of loopback where nobody listens. */
const deadUrl = async (): Promise<string> => `ws://127.0.0.1:${await freePort()}`

test('tells every change of its state, with the wait and the reason', async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url })
  const changes: ClientStateChange[] = []
  client.on('state', (change) => changes.push(change))
  client.connect()
  const peer = await server.peer()
  await peer.welcome()
  await untilState(client, 'connected')
  expect(client.user).toBe('ann')
  peer.socket.close(4000, 'shutdown')
  await untilState(client, 'waiting')
  client.close()
  expect(changes.map(({ state }) => state)).toEqual(['connecting', 'connected', 'waiting', 'closed'])
  expect(changes[2]).toEqual({
    state: 'waiting',
    retryInMs: expect.any(Number) as number,
    reason: { code: 'shutdown', message: 'shutdown' },
  })
  expect(changes[3]).toEqual({ state: 'closed' })
})

test('tries the next address when one does not answer', async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: [await deadUrl(), server.url] })
  client.connect()
  await (await server.peer()).welcome()
  await untilState(client, 'connected')
})

test('gives up a connection attempt that hangs', async () => {
  fakeTimeouts()
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url })
  client.connect()
  const silent = await server.peer()
  await silent.next('connect')
  vi.advanceTimersByTime(15_000)
  await silent.closed
  expect(client.state).toBe('waiting')
  vi.advanceTimersByTime(20)
  await (await server.peer()).welcome()
})

test('asks a silent server for a sign of life, and leaves it when there is none', async () => {
  fakeTimeouts()
  const clock = new TestClock()
  const pass = (ms: number): void => {
    clock.monotonic += ms
    vi.advanceTimersByTime(ms)
  }
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url, clock })
  client.connect()
  const peer = await server.peer()
  await peer.welcome({ pingIntervalMs: 1000 })
  await untilState(client, 'connected')
  pass(999)
  expect(peer.waiting).toBe(0)
  pass(1)
  const ping = await peer.next('ping')
  peer.send({ type: 'pong', id: ping.id })
  const items = client.channel('a').subscribe()[Symbol.asyncIterator]()
  await peer.subscribed('p0')
  peer.push('a', [1])
  await take(items, 1)
  pass(10_000)
  await peer.next('ping')
  expect(client.state).toBe('connected')
  const waiting = untilState(client, 'waiting')
  pass(10_000)
  expect((await waiting).reason?.code).toBe('heartbeat-timeout')
  await peer.closed
})

test.each([4503, 4999])('stays closed after close code %i', async (code) => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url })
  const items = client.channel('a').subscribe()[Symbol.asyncIterator]()
  const next = items.next()
  const sent = client.channel('a').publish(1)
  const peer = await server.peer()
  await peer.welcome()
  await peer.next('subscribe')
  await peer.next('publish')
  const closed = untilState(client, 'closed')
  peer.socket.close(code, 'no')
  expect((await closed).reason?.message).toBe('no')
  await expect(next).rejects.toMatchObject({ name: 'TidingsError' })
  expect(await sent).toMatchObject({ ok: false, error: { code: 'outcome-unknown' } })
  expect(await client.channel('a').publish(2)).toMatchObject({ ok: false })
  expect(() => client.channel('a').subscribe()).toThrow()
  expect(server.accepted).toBe(1)
})

test('connects again after a close code that allows it', async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url })
  client.connect()
  for (const code of [4000, 4001, 4002, 1001, 1011, 1002, 1003, 1007, 1008, 1009, 1010, 4500]) {
    const peer = await server.peer()
    await peer.welcome()
    peer.socket.close(code)
    await peer.closed
  }
  await (await server.peer()).welcome()
  await untilState(client, 'connected')
})

test('connects again after a frame that is not of the protocol, and throws nothing', async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url })
  const subscription = client.channel('a').subscribe()
  const first = await server.peer()
  await first.next('connect')
  first.socket.send('{"type":"connected","id":1}')
  const bad = [
    'nonsense',
    '[null]',
    '7',
    new Uint8Array([1, 2, 3]),
    '{"type":"publications","channel":"a","publications":null}',
    '{"type":"publications","channel":"a","publications":[null]}',
    '{"type":"publications","channel":"a","publications":[{"offset":"1","position":"p1"}]}',
    '{"type":"gap","channel":"a"}',
    '{"type":"caught-up","channel":"a","position":5}',
  ]
  for (const frame of bad) {
    const peer = await server.peer()
    await peer.welcome()
    await peer.subscribed('p0')
    peer.socket.send(frame)
    await peer.closed
  }
  const peer = await server.peer()
  await peer.welcome()
  await peer.subscribed('p0')
  peer.push('a', [1])
  expect(await take(subscription[Symbol.asyncIterator](), 1)).toMatchObject([{ offset: 1 }])
})

test('ignores pushes, replies and fields it does not know', async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url })
  const items = client.channel('a').subscribe()[Symbol.asyncIterator]()
  const peer = await server.peer()
  await peer.welcome()
  await peer.subscribed('p0')
  peer.socket.send('[{"type":"from-the-future","channel":"a"},{"type":"x"},{"type":"pong","id":99},{}]')
  peer.socket.send('{"type":"from-the-future","id":12345}')
  peer.push('b', [1])
  peer.push('a', [1], 7)
  peer.push('a', [1])
  expect(await take(items, 1)).toMatchObject([{ kind: 'publication', offset: 1 }])
  expect(server.accepted).toBe(1)
})

test('survives a cut in the middle of a frame', async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url })
  const items = client.channel('a').subscribe()[Symbol.asyncIterator]()
  const peer = await server.peer()
  await peer.welcome()
  await peer.subscribed('p0')
  peer.push('a', [1])
  expect(await take(items, 1)).toMatchObject([{ offset: 1 }])
  const raw = (peer.socket as unknown as { _socket: { write(bytes: Uint8Array): void; destroy(): void } })._socket
  // The head of a text frame of 100 bytes, and 5 of them.
  raw.write(new Uint8Array([0x81, 100, 0x7b, 0x22, 0x74, 0x79, 0x70]))
  await new Promise((resolve) => setImmediate(resolve))
  raw.destroy()
  const second = await server.peer()
  await second.welcome()
  expect(await second.subscribed('p1')).toMatchObject({ from: 'p1' })
})

test('leaves a server that answers pings but no command', async () => {
  fakeTimeouts()
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url })
  client.channel('a').subscribe()
  const peer = await server.peer()
  await peer.welcome()
  await peer.next('subscribe')
  vi.advanceTimersByTime(30_000)
  await peer.closed
  vi.advanceTimersByTime(20)
  const second = await server.peer()
  await second.welcome()
  await second.subscribed()
})

test('asks for a token at every attempt, and again with backoff when that throws', async () => {
  const server = await ScriptedServer.start()
  let calls = 0
  const client = testClient({
    url: server.url,
    token: ({ signal }) => {
      expect(signal.aborted).toBe(false)
      if (++calls === 1) throw new Error('not yet')
      return calls === 2 ? Promise.reject(new Error('not yet')) : `token-${calls}`
    },
  })
  const reasons: (string | undefined)[] = []
  client.on('state', ({ state, reason }) => state === 'waiting' && reasons.push(reason?.code))
  client.connect()
  const peer = await server.peer()
  expect(await peer.welcome()).toMatchObject({ token: 'token-3' })
  expect(reasons).toEqual(['token-failed', 'token-failed'])
  peer.socket.terminate()
  expect(await (await server.peer()).welcome()).toMatchObject({ token: 'token-4' })
})

test('aborts the token request when the client closes', async () => {
  const server = await ScriptedServer.start()
  const signals: AbortSignal[] = []
  const client = testClient({
    url: server.url,
    token: ({ signal }) => {
      signals.push(signal)
      return new Promise(() => undefined)
    },
  })
  client.connect()
  client.close()
  expect(signals.map(({ aborted }) => aborted)).toEqual([true])
  expect(client.state).toBe('closed')
  expect(() => client.connect()).toThrow(expect.objectContaining({ code: 'closed' }) as Error)
})

test('asks once more for a token that was refused, then closes with the reason', async () => {
  const server = await ScriptedServer.start()
  let calls = 0
  const client = testClient({ url: server.url, token: () => `token-${++calls}` })
  const items = client.channel('a').subscribe()[Symbol.asyncIterator]()
  const next = items.next()
  const queued = client.channel('a').publish('x')
  for (const token of ['token-1', 'token-2']) {
    const peer = await server.peer()
    const connect = await peer.next('connect')
    expect(connect.token).toBe(token)
    peer.refuse(connect, 'unauthorized')
    peer.socket.close(4501, 'unauthorized')
  }
  const { reason } = await untilState(client, 'closed')
  expect(reason?.code).toBe('unauthorized')
  await expect(next).rejects.toMatchObject({ code: 'unauthorized' })
  expect(await queued).toMatchObject({ ok: false, error: { code: 'unauthorized' } })
  expect(calls).toBe(2)
})

test('gets a fresh token when a session’s own expired', async () => {
  const server = await ScriptedServer.start()
  let calls = 0
  const clock = new TestClock()
  const client = testClient({ url: server.url, token: () => `token-${++calls}`, clock })
  client.connect()
  for (const token of ['token-1', 'token-2', 'token-3']) {
    const peer = await server.peer()
    expect(await peer.welcome()).toMatchObject({ token })
    await untilState(client, 'connected')
    // Long enough to count as a session that worked.
    clock.monotonic += 1000
    peer.socket.close(4501)
  }
  await (await server.peer()).welcome()
})

test('closes at once when a fixed token is refused', async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url, token: 'fixed' })
  client.connect()
  const peer = await server.peer()
  await peer.next('connect')
  peer.socket.close(4501)
  expect((await untilState(client, 'closed')).reason?.code).toBe('unauthorized')
})

test('says what is wrong with its options', () => {
  vi.stubGlobal('WebSocket', undefined)
  const client = createClient({ url: 'ws://127.0.0.1:1' })
  expect(() => client.connect()).toThrow(expect.objectContaining({ code: 'no-websocket' }) as Error)
  expect(() => client.channel('a').subscribe()).toThrow(/WebSocket/)
  const addresses = ['', 'nowhere', '127.0.0.1:8080/ws', 'localhost:8080/ws', 'ws.example.com/ws', 'ws://', 'ws://a b/']
  for (const url of [
    ...addresses,
    'file:///ws',
    'wsx://h/ws',
    'ws://h/ws#part',
    'wss://h/ws#',
    '/ws#part',
    'ws://h:x/',
  ]) {
    for (const page of [undefined, { href: 'https://page.example/' }]) {
      vi.stubGlobal('location', page)
      expect(() => createClient({ url })).toThrow(`url '${url}' is not one like wss://host/ws`)
    }
  }
  expect(() => createClient({ url: [] })).toThrow(expect.objectContaining({ code: 'bad-option' }) as Error)
  expect(() => client.channel('chat lobby')).toThrow(expect.objectContaining({ code: 'bad-params' }) as Error)
  expect(() => client.channel('chat:{room}', { room: 'a:b' })).toThrow(/room/)
})

test('lets a mistake of the application’s listener surface without stopping', async () => {
  const server = await ScriptedServer.start()
  const uncaught: unknown[] = []
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => uncaught.push(error))
  onTestFinished(() => {
    process.removeAllListeners('uncaughtException')
    for (const listener of listeners) process.on('uncaughtException', listener)
  })
  const client = testClient({ url: server.url })
  client.on('state', () => {
    throw new Error('my own')
  })
  client.connect()
  await (await server.peer()).welcome()
  await untilState(client, 'connected')
  expect(uncaught).toMatchObject([{ message: 'my own' }, { message: 'my own' }])
})
