import { afterEach, expect, test, vi } from 'vitest'
import { ScriptedServer } from '../test/scripted-server.js'
import { take, testClient, untilState } from '../test/test-client.js'

afterEach(() => vi.useRealTimers())

/** A token callback whose requests the test answers. */
const askedTokens = () => {
  const requests: { signal: AbortSignal; give(token: string): void; fail(error: Error): void }[] = []
  const token = ({ signal }: { signal: AbortSignal }): Promise<string> =>
    new Promise((give, fail) => requests.push({ signal, give, fail }))
  /** Waits until there are so many, and gives the last. */
  const request = async (count: number) => {
    await expect.poll(() => requests.length).toBe(count)
    const [last] = requests.slice(-1)
    if (last === undefined) throw new Error('no request')
    return last
  }
  return { token, requests, request }
}

test('brings a fresh token over the open connection when the server asks for one', async () => {
  const server = await ScriptedServer.start()
  let calls = 0
  const client = testClient({ url: server.url, token: () => `token-${++calls}` })
  const items = client.channel('a').subscribe()[Symbol.asyncIterator]()
  const peer = await server.peer()
  expect(await peer.welcome()).toMatchObject({ token: 'token-1' })
  await peer.subscribed('p0')
  for (const token of ['token-2', 'token-3']) {
    peer.send({ type: 'token-expiring', expiresInMs: 30_000 })
    const refresh = await peer.next('refresh')
    expect(refresh).toMatchObject({ token })
    peer.send({ type: 'refreshed', id: refresh.id })
  }
  peer.push('a', [1])
  expect(await take(items, 1)).toMatchObject([{ offset: 1 }])
  expect(client.state).toBe('connected')
  expect(server.accepted).toBe(1)
})

test('goes on when it has no fresh token yet or the server refuses it, and is asked again', async () => {
  const server = await ScriptedServer.start()
  let calls = 0
  const client = testClient({
    url: server.url,
    token: () => (++calls === 2 ? Promise.reject(new Error('not yet')) : `token-${calls}`),
  })
  client.connect()
  const peer = await server.peer()
  await peer.welcome()
  await untilState(client, 'connected')
  peer.send({ type: 'token-expiring', expiresInMs: 30_000 })
  await expect.poll(() => calls).toBe(2)
  peer.send({ type: 'token-expiring', expiresInMs: 15_000 })
  peer.refuse(await peer.next('refresh'), 'unauthorized')
  peer.send({ type: 'token-expiring', expiresInMs: 7500 })
  expect(await peer.next('refresh')).toMatchObject({ token: 'token-4' })
  expect(client.state).toBe('connected')
})

test('leaves a fresh token to the next connection when the one it was for is gone', async () => {
  const server = await ScriptedServer.start()
  let give: (token: string) => void = () => undefined
  let calls = 0
  const signals: AbortSignal[] = []
  const client = testClient({
    url: server.url,
    token: ({ signal }) => {
      signals.push(signal)
      return ++calls === 2 ? new Promise<string>((resolve) => (give = resolve)) : `token-${calls}`
    },
  })
  client.connect()
  const peer = await server.peer()
  await peer.welcome()
  await untilState(client, 'connected')
  peer.send({ type: 'token-expiring', expiresInMs: 1000 })
  await expect.poll(() => calls).toBe(2)
  peer.socket.close(4005, 'token-expired')
  const waiting = await untilState(client, 'waiting')
  expect(waiting.reason?.code).toBe('token-expired')
  expect(signals[1]?.aborted).toBe(true)
  give('late')
  const second = await server.peer()
  expect(await second.welcome()).toMatchObject({ token: 'token-3' })
  await untilState(client, 'connected')
  expect(second.waiting).toBe(0)
})

test('asks for one token at a time, however often the server asks', async () => {
  const server = await ScriptedServer.start()
  const { token, requests, request } = askedTokens()
  const client = testClient({ url: server.url, token })
  const items = client.channel('a').subscribe()[Symbol.asyncIterator]()
  ;(await request(1)).give('token-1')
  const peer = await server.peer()
  await peer.welcome()
  await peer.subscribed('p0')
  peer.send({ type: 'token-expiring', expiresInMs: 30_000 })
  const slow = await request(2)
  peer.send({ type: 'token-expiring', expiresInMs: 15_000 })
  peer.send({ type: 'token-expiring', expiresInMs: 7500 })
  peer.push('a', [1])
  await take(items, 1)
  expect(requests).toHaveLength(2)
  slow.give('token-2')
  expect(await peer.next('refresh')).toMatchObject({ token: 'token-2' })
  peer.push('a', [2])
  await take(items, 1)
  expect(peer.waiting).toBe(0)
  peer.send({ type: 'token-expiring', expiresInMs: 3000 })
  ;(await request(3)).give('token-3')
  expect(await peer.next('refresh')).toMatchObject({ token: 'token-3' })
})

test('gives the answer of a request that goes on to the next connection, and asks no second time beside it', async () => {
  const server = await ScriptedServer.start()
  const { token, requests, request } = askedTokens()
  const client = testClient({ url: server.url, token })
  client.connect()
  ;(await request(1)).give('token-1')
  const peer = await server.peer()
  await peer.welcome()
  await untilState(client, 'connected')
  peer.send({ type: 'token-expiring', expiresInMs: 1000 })
  const slow = await request(2)
  peer.socket.close(4005, 'token-expired')
  await untilState(client, 'connecting')
  expect(slow.signal.aborted).toBe(true)
  expect(requests).toHaveLength(2)
  slow.give('token-2')
  expect(await (await server.peer()).welcome()).toMatchObject({ token: 'token-2' })
  await untilState(client, 'connected')
  expect(requests).toHaveLength(2)
})

test('asks again at once for a connection whose request was aborted for the one before', async () => {
  const server = await ScriptedServer.start()
  const { token, request } = askedTokens()
  const client = testClient({ url: server.url, token })
  client.connect()
  ;(await request(1)).give('token-1')
  const peer = await server.peer()
  await peer.welcome()
  await untilState(client, 'connected')
  peer.send({ type: 'token-expiring', expiresInMs: 1000 })
  const aborted = await request(2)
  peer.socket.terminate()
  await untilState(client, 'connecting')
  const states: string[] = []
  client.on('state', ({ state }) => states.push(state))
  aborted.fail(new Error('aborted'))
  ;(await request(3)).give('token-3')
  expect(await (await server.peer()).welcome()).toMatchObject({ token: 'token-3' })
  expect(states).toEqual([])
})

test('gives a token request up after 15 s, and takes no late answer', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const server = await ScriptedServer.start()
  const { token, requests } = askedTokens()
  const client = testClient({ url: server.url, token })
  client.connect()
  const waiting = untilState(client, 'waiting')
  vi.advanceTimersByTime(14_999)
  expect(client.state).toBe('connecting')
  vi.advanceTimersByTime(1)
  expect((await waiting).reason).toEqual({ code: 'token-failed', message: 'no token in time' })
  expect(requests[0]?.signal.aborted).toBe(true)
  vi.advanceTimersByTime(20)
  expect(requests).toHaveLength(2)
  requests[0]?.give('late')
  requests[1]?.give('token-2')
  expect(await (await server.peer()).welcome()).toMatchObject({ token: 'token-2' })
})

test('lets a fixed token expire, and closes when it is refused after that', async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url, token: 'fixed' })
  client.connect()
  const peer = await server.peer()
  await peer.welcome()
  await untilState(client, 'connected')
  peer.send({ type: 'token-expiring', expiresInMs: 1000 })
  peer.socket.close(4005, 'token-expired')
  expect((await untilState(client, 'waiting')).reason?.code).toBe('token-expired')
  const second = await server.peer()
  const connect = await second.next('connect')
  expect(connect.token).toBe('fixed')
  second.refuse(connect, 'unauthorized')
  expect((await untilState(client, 'closed')).reason?.code).toBe('unauthorized')
  expect(peer.waiting).toBe(0)
})

test('is not connected by a listener’s close while it begins', async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url, token: 'fixed' })
  client.on('state', ({ state }) => state === 'connecting' && client.close())
  client.connect()
  expect(client.state).toBe('closed')
  const other = testClient({ url: server.url })
  other.connect()
  await (await server.peer()).welcome()
  expect(server.accepted).toBe(1)
})
