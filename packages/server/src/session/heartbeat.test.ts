import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { setImmediate as endOfTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { afterTest, allow, connect, latch, nodeSide, start, until } from '../node.fixture.js'

const BATCH = 20
const heartbeat = { intervalMs: 40, deadlineMs: 200 }

test('pings a silent peer, which stays because it answers', async () => {
  const node = await start({ heartbeat })
  const client = await connect(node)
  for (let pings = 0; pings < 8; pings++) await once(client.socket, 'ping')
  expect(node.tidings.health().sessions).toBe(1)
  expect(await client.request({ type: 'ping' })).toMatchObject({ type: 'pong' })
})

test('tells the client when to send pings of its own', async () => {
  const client = await connect(await start({ heartbeat }))
  expect(await client.next('connected')).toMatchObject({ pingIntervalMs: 40 })
})

test('closes a peer with 4001 that answers no ping, and forgets it', async () => {
  const node = await start({ heartbeat })
  const dead = await connect(node)
  await dead.request({ type: 'subscribe', channel: 'any:a' })
  const alive = await connect(node)
  dead.socket.pause()
  await until(() => node.tidings.health().sessions === 1)
  expect(node.tidings.health().channels).toBe(0)
  dead.socket.resume()
  expect(await dead.closed).toEqual({ code: 4001, reason: 'heartbeat-timeout' })
  expect(await alive.request({ type: 'ping' })).toMatchObject({ type: 'pong' })
})

test('closes a peer whose process is stopped, though its system takes every byte', async () => {
  // Long enough for a process that the machine makes wait while it starts.
  const node = await start({ heartbeat: { intervalMs: 200, deadlineMs: 3000 } })
  const program = `
    const { WebSocket } = require('ws')
    const socket = new WebSocket(${JSON.stringify(node.url)})
    socket.on('open', () => socket.send(JSON.stringify([{ type: 'connect', id: 1 }, { type: 'subscribe', id: 2, channel: 'any:a' }])))
    socket.on('message', () => process.stdout.write('x'))
  `
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  afterTest(async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  await once(child.stdout, 'data')
  await until(() => node.tidings.health().channels === 1)
  child.kill('SIGSTOP')
  const publisher = await connect(node)
  await publisher.request({ type: 'publish', channel: 'any:a', data: 'nobody hears this' })
  await until(() => node.tidings.health().sessions === 1)
  expect(node.tidings.health().channels).toBe(0)
})

test('keeps peers whose pongs it could not read because it stood still itself', async () => {
  const node = await start({ heartbeat })
  const client = await connect(node)
  await once(client.socket, 'ping')
  const end = performance.now() + 2 * heartbeat.deadlineMs
  while (performance.now() < end) Math.sqrt(end)
  for (let pings = 0; pings < 3; pings++) await once(client.socket, 'ping')
  expect(node.tidings.health().sessions).toBe(1)
})

test('closes a connection that was upgraded and then says nothing more at all', async () => {
  const node = await start({ heartbeat })
  const socket = connectTcp(node.port, '127.0.0.1')
  afterTest(() => socket.destroy())
  socket.on('error', () => undefined)
  socket.write(
    'GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  )
  await once(socket, 'data')
  socket.resume()
  await until(() => node.tidings.health().sessions === 1)
  await once(socket, 'close')
  await until(() => node.tidings.health().sessions === 0)
})

test('keeps a slow reader that makes progress and says nothing', async () => {
  const node = await start({
    // Filling the buffers of the system must take less time than the deadline, on a busy machine too.
    heartbeat: { intervalMs: 40, deadlineMs: 1000 },
    limits: { maxBufferedBytes: 1, maxUnreadBytes: 2 ** 30 },
  })
  const lobby = node.tidings.channel('long:{name}', { name: 'a' })
  const accepted = nodeSide(node)
  const client = await connect(node)
  const socket = await accepted
  await client.request({ type: 'subscribe', channel: 'long:a' })
  client.socket.pause()
  let published = 0
  while (socket.writableLength === 0) {
    await Promise.all(Array.from({ length: BATCH }, () => lobby.publish('x'.repeat(60_000))))
    published += BATCH
    await endOfTurn()
  }
  for (const end = published + 150; published < end; published++) await lobby.publish('x'.repeat(60_000))
  // Its pongs wait behind what it has not read: only what it takes shows that it lives.
  const other = await connect(node)
  const isDone = (): boolean => client.dataOf('long:a').length === published
  for (let pulse = 0; pulse < 60 && !isDone(); pulse++) {
    const before = socket.bytesWritten
    client.socket.resume()
    await until(() => socket.bytesWritten > before || isDone())
    client.socket.pause()
    await once(other.socket, 'ping')
  }
  client.socket.resume()
  await client.countOf('long:a', published)
  expect(node.tidings.health().sessions).toBe(2)
})

test('keeps a peer that is not read from because the application takes its time', async () => {
  const allowed = latch<boolean>()
  const node = await start({
    heartbeat,
    limits: { maxCommandsInFlight: 1 },
    allow: { ...allow, 'private:{id}': { publish: () => allowed.opened } },
  })
  const accepted = nodeSide(node)
  const client = await connect(node)
  const socket = await accepted
  // More than Node reads ahead of a socket that is paused: otherwise the pongs would still be heard.
  const data = 'x'.repeat(8000)
  const last = 50
  for (let id = 11; id <= last; id++) client.send({ type: 'publish', id, channel: 'private:a', data })
  const other = await connect(node)
  let heard = -1
  while (heard !== socket.bytesRead) {
    heard = socket.bytesRead
    await once(other.socket, 'ping')
  }
  for (let pings = 0; pings < 10; pings++) await once(other.socket, 'ping')
  expect(socket.bytesRead).toBe(heard)
  expect(node.tidings.health().sessions).toBe(2)
  allowed.open(true)
  await client.find((item) => item.type === 'published' && item.id === last)
})

test('closes a peer that is not read from and takes nothing of what waits for it', async () => {
  const allowed = latch<boolean>()
  afterTest(() => allowed.open(false))
  const node = await start({
    heartbeat,
    limits: { maxCommandsInFlight: 1, maxBufferedBytes: 1 },
    allow: { ...allow, 'private:{id}': { publish: () => allowed.opened } },
  })
  const lobby = node.tidings.channel('long:{name}', { name: 'a' })
  const accepted = nodeSide(node)
  const client = await connect(node)
  const socket = await accepted
  await client.request({ type: 'subscribe', channel: 'long:a' })
  client.send([1, 2, 3].map((id) => ({ type: 'publish', id: id + 10, channel: 'private:a', data: id })))
  client.socket.pause()
  while (socket.writableLength === 0 && !socket.destroyed) {
    await lobby.publish('x'.repeat(60_000))
    await endOfTurn()
  }
  await until(() => node.tidings.health().sessions === 0)
})
