import type { Socket } from 'node:net'
import { msgpackCodec } from '@tidings/protocol/msgpack'
import { RawClient } from '@tidings/testing'
import { expect, test } from 'vitest'
import { allow, connect, latch, LoggedLines, start, until } from '../node.fixture.js'

test('refuses every command before connect has succeeded, and lives', async () => {
  const client = await connect(await start(), { token: false })
  client.send([
    { type: 'subscribe', id: 1, channel: 'any:a' },
    { type: 'ping', id: 2 },
    { type: 'unsubscribe', id: 3, channel: 'any:a' },
  ])
  await client.find((item) => 'id' in item && item.id === 3)
  expect(client.received).toMatchObject([1, 2, 3].map((id) => ({ type: 'error', id, code: 'not-connected' })))
  client.send({ type: 'connect', id: 4 })
  expect(await client.next('connected')).toMatchObject({ id: 4, user: null })
})

test('takes connect, subscribe and publish in one frame and delivers the own publication', async () => {
  for (const codec of [undefined, msgpackCodec]) {
    const client = await connect(await start(), { token: false, ...(codec === undefined ? {} : { codec }) })
    client.send([
      { type: 'connect', id: 1, token: 'ada' },
      { type: 'subscribe', id: 2, channel: 'any:a' },
      { type: 'publish', id: 3, channel: 'any:a', data: 'hello' },
    ])
    await client.countOf('any:a', 1)
    expect(client.dataOf('any:a')).toEqual(['hello'])
    expect(await client.next('connected')).toMatchObject({ user: 'ada' })
  }
})

test('answers a second connect with already-connected', async () => {
  const client = await connect(await start(), { token: 'ada' })
  expect(await client.request({ type: 'connect', token: 'bob' })).toMatchObject({ code: 'already-connected' })
  const again = await connect(await start(), { token: false })
  again.send([
    { type: 'connect', id: 1, token: 'ada' },
    { type: 'connect', id: 2, token: 'bob' },
  ])
  expect(await again.next('error')).toMatchObject({ id: 2, code: 'already-connected' })
  expect(await again.next('connected')).toMatchObject({ user: 'ada' })
})

test('refuses whom authenticate refuses with a reply, then closes with 4501', async () => {
  const logger = new LoggedLines()
  const node = await start({ logger })
  const client = await connect(node, { token: false })
  client.send([
    { type: 'connect', id: 1, token: 'bad' },
    { type: 'publish', id: 2, channel: 'any:a', data: 1 },
  ])
  expect(await client.closed).toEqual({ code: 4501, reason: 'unauthorized' })
  expect(client.received).toMatchObject([{ type: 'error', id: 1, code: 'unauthorized', retryable: false }])
  expect(logger.lines).toMatchObject([{ level: 'info', fields: { code: 'not-authenticated' } }])
  expect((await node.tidings.channel('any:{name}', { name: 'a' }).history()).publications).toEqual([])
})

test('lets a client try again later when authenticate fails, and logs why', async () => {
  const logger = new LoggedLines()
  const client = await connect(await start({ logger }), { token: false })
  client.send({ type: 'connect', id: 1, token: 'broken' })
  expect(await client.closed).toEqual({ code: 4004, reason: 'internal' })
  expect(client.received).toMatchObject([{ type: 'error', id: 1, code: 'internal', retryable: true }])
  expect(JSON.stringify(client.received)).not.toContain('database')
  expect(logger.lines).toMatchObject([{ level: 'error', fields: { error: 'the users’ database is away' } }])
})

test('takes a user without a usable id for a failure of authenticate', async () => {
  const node = await start({ authenticate: () => ({ id: '' }), logger: new LoggedLines() })
  const client = await connect(node, { token: false })
  client.send({ type: 'connect', id: 1 })
  expect(await client.closed).toMatchObject({ code: 4004 })
})

test('hands authenticate the handshake and the token', async () => {
  const seen: unknown[] = []
  const authenticate = (request: unknown) => {
    seen.push(request)
    return null
  }
  const node = await start({ authenticate })
  const client = await RawClient.open(`${node.url}?a=1`, { token: 'secret', headers: { cookie: 'session=5' } })
  await client.close()
  expect(seen).toMatchObject([
    { token: 'secret', url: '/ws?a=1', remoteAddress: '127.0.0.1', headers: { cookie: 'session=5' } },
  ])
})

test('closes with 4003 when connect does not come', async () => {
  const client = await connect(await start({ limits: { connectDeadlineMs: 30 } }), { token: false })
  expect(await client.closed).toEqual({ code: 4003, reason: 'connect-timeout' })
})

test('closes with 4003 when authenticate takes too long, and forgets the session', async () => {
  const never = latch<null>()
  const node = await start({ limits: { connectDeadlineMs: 30 }, authenticate: () => never.opened })
  const client = await connect(node, { token: false })
  client.send({ type: 'connect', id: 1 })
  expect(await client.closed).toMatchObject({ code: 4003 })
  never.open(null)
  await until(() => node.tidings.health().sessions === 0)
})

test('closes every session with 4000 when the node closes', async () => {
  const node = await start()
  const clients = [await connect(node), await connect(node, { token: false })]
  await Promise.all([node.tidings.close(), node.tidings.close()])
  expect(node.tidings.health()).toMatchObject({ status: 'closing', sessions: 0 })
  for (const client of clients) expect(await client.closed).toEqual({ code: 4000, reason: 'shutdown' })
})

test('sends nothing after its goodbye, whatever is published meanwhile', async () => {
  const node = await start()
  const client = await connect(node, { token: 'ann' })
  await client.request({ type: 'subscribe', channel: 'chat:a', presence: true })
  await client.request({ type: 'presence', channel: 'chat:a', action: 'enter' })
  const bytes: Buffer[] = []
  const raw = client.socket as unknown as { _socket: Socket }
  raw._socket.on('data', (chunk: Buffer) => bytes.push(chunk))
  client.socket.close(1000)
  await node.tidings.channel('chat:{room}', { room: 'a' }).publish({ text: 'late' })
  await client.closed
  const received = Buffer.concat(bytes)
  const goodbye = received.indexOf(Buffer.from([0x88, 0x02]))
  expect(goodbye).toBeGreaterThanOrEqual(0)
  expect(received.subarray(goodbye)).toHaveLength(4)
})

test('cuts a peer that does not answer the goodbye', async () => {
  const node = await start()
  const client = await connect(node)
  client.socket.pause()
  await node.tidings.close({ drainMs: 20 })
  expect(node.tidings.health().sessions).toBe(0)
})

test('answers WebSocket pings with their payload', async () => {
  const client = await connect(await start())
  const pong = new Promise<Buffer>((resolve) => client.socket.once('pong', resolve))
  client.socket.ping('are you there')
  expect((await pong).toString()).toBe('are you there')
})

test('answers malformed commands in their place', async () => {
  const client = await connect(await start())
  const before = client.received.length
  client.send([
    { type: 'ping', id: 11 },
    { type: 'dance', id: 12 },
    { type: 'subscribe', id: 13 },
    { type: 'ping', id: 14 },
  ])
  await client.find((item) => 'id' in item && item.id === 14)
  expect(client.received.slice(before)).toMatchObject([
    { type: 'pong', id: 11 },
    { type: 'error', id: 12, code: 'unknown-command' },
    { type: 'error', id: 13, code: 'bad-command' },
    { type: 'pong', id: 14 },
  ])
})

test('keeps the order of commands behind an asynchronous rule', async () => {
  const allowed = latch<boolean>()
  const node = await start({ allow: { ...allow, 'private:{id}': { publish: () => allowed.opened, subscribe: true } } })
  const client = await connect(node)
  const before = client.received.length
  client.send([
    { type: 'publish', id: 11, channel: 'private:a', data: 1 },
    { type: 'dance', id: 12 },
    { type: 'ping', id: 13 },
    { type: 'subscribe', id: 14, channel: 'private:a', rewind: { count: 5 } },
  ])
  const other = await connect(node)
  await other.request({ type: 'ping' })
  expect(client.received.length).toBe(before)
  allowed.open(true)
  await client.countOf('private:a', 1)
  expect(
    client.received
      .slice(before)
      .flatMap((item) => ('id' in item ? [item.id] : []))
      .sort(),
  ).toEqual([11, 12, 13, 14])
  expect(client.dataOf('private:a')).toEqual([1])
})

test('starts nothing for a session that ended while its command waited for a rule', async () => {
  const allowed = latch<boolean>()
  const rule = () => allowed.opened
  const rules = { subscribe: rule, publish: rule, presence: rule }
  const node = await start({ allow: { ...allow, 'chat:{room}': rules } })
  const commands = [
    { type: 'subscribe', id: 11, channel: 'chat:a', presence: true },
    { type: 'presence', id: 11, channel: 'chat:a', action: 'enter' },
    { type: 'publish', id: 11, channel: 'chat:a', data: { text: 'late' } },
  ]
  for (const command of commands) {
    const client = await connect(node)
    client.send([command, { type: 'ping', id: 12 }])
    await client.close()
  }
  await until(() => node.tidings.health().sessions === 0)
  allowed.open(true)
  const lobby = node.tidings.channel('chat:{room}', { room: 'a' })
  await lobby.publish({ text: 'later' })
  expect(await lobby.members()).toEqual([])
  expect((await lobby.history()).publications.map(({ data }) => data)).toEqual([{ text: 'later' }])
  expect(node.tidings.health().channels).toBe(0)
})

test('answers a command whose schema throws after an asynchronous rule', async () => {
  const logger = new LoggedLines()
  const node = await start({
    logger,
    allow: { ...allow, 'broken:{name}': { publish: () => Promise.resolve(true) } },
  })
  const client = await connect(node)
  expect(await client.request({ type: 'publish', channel: 'broken:a', data: 1 })).toMatchObject({ code: 'internal' })
  expect(await client.request({ type: 'ping' })).toMatchObject({ type: 'pong' })
  expect(logger.lines).toMatchObject([{ level: 'error', fields: { error: 'the schema is broken' } }])
})
