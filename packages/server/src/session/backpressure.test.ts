import { expect, test } from 'vitest'
import { afterTest, allow, connect, latch, nodeSide, start, until } from '../node.fixture.js'

test('pauses reading while too many commands are in flight, and answers all in the end', async () => {
  const allowed = latch<boolean>()
  const node = await start({
    limits: { maxCommandsInFlight: 4 },
    allow: { ...allow, 'private:{id}': { publish: () => allowed.opened } },
  })
  const socket = nodeSide(node)
  const client = await connect(node)
  const text = 'x'.repeat(1000)
  const total = 12_000
  for (let id = 11; id < 11 + total; id++) client.send({ type: 'publish', id, channel: 'private:a', data: text })
  await until(() => client.socket.bufferedAmount > 0)
  const other = await connect(node)
  await other.request({ type: 'ping' })
  expect((await socket).bytesRead).toBeLessThan((total * 1000) / 2)
  allowed.open(true)
  await client.find((item) => 'id' in item && item.id === 10 + total)
  expect(client.received.filter((item) => item.type === 'published')).toHaveLength(total)
})

const floods: readonly [string, (id: number) => object][] = [
  ['history', (id) => ({ type: 'history', id, channel: 'long:a' })],
  ['presence', (id) => ({ type: 'presence', id, channel: 'chat:a', action: 'get' })],
  ['ping', (id) => ({ type: 'ping', id })],
  ['unknown', (id) => ({ type: 'dance', id })],
]

test.each(floods)(
  'neither reads on nor buffers without bound for a peer that sends %s commands and never reads',
  async (_name, command) => {
    const node = await start({ limits: { profile: 'load-test', maxBufferedBytes: 32_768 } })
    const lobby = node.tidings.channel('long:{name}', { name: 'a' })
    for (let index = 0; index < 20; index++) await lobby.publish('x'.repeat(50_000))
    const present = await connect(node)
    const data = 'x'.repeat(4000)
    await present.request({ type: 'presence', channel: 'chat:a', action: 'enter', data })
    const accepted = nodeSide(node)
    const client = await connect(node)
    const socket = await accepted
    client.socket.pause()
    const fill = Array.from({ length: 60 }, (_, index) => ({ type: 'history', id: 100_000 + index, channel: 'long:a' }))
    const commands = 20_000
    client.send(fill)
    await until(() => socket.isPaused())
    let highest = 0
    for (let id = 11; id < 11 + commands; id += 500) {
      client.send(Array.from({ length: 500 }, (_, index) => command(id + index)))
      await present.request({ type: 'ping' })
      highest = Math.max(highest, socket.writableLength)
    }
    expect(highest).toBeGreaterThan(32_768)
    expect(highest).toBeLessThan(32_768 + 400_000)
    client.socket.terminate()
    await client.closed
    await until(() => node.tidings.health().sessions === 1)
  },
)

test('limits 10,000 subscribe commands at once, and neither the session nor a bystander suffers', async () => {
  const node = await start({ limits: { profile: 'load-test', commandsPerSecond: 500, commandBurst: 2000 } })
  const bystander = await connect(node)
  await bystander.request({ type: 'subscribe', channel: 'any:bystander' })
  const client = await connect(node)
  const count = 10_000
  client.send(Array.from({ length: count / 10 }, (_, index) => ({ type: 'ping', id: 100_000 + index })))
  for (let start = 0; start < count; start += 100) {
    client.send(
      Array.from({ length: 100 }, (_, index) => ({
        type: 'subscribe',
        id: 11 + start + index,
        channel: `any:${start + index}`,
      })),
    )
  }
  await client.find((item) => 'id' in item && item.id === 10 + count)
  const codes = new Map<string, number>()
  for (const item of client.received) {
    const kind = item.type === 'error' ? item.code : item.type
    codes.set(kind, (codes.get(kind) ?? 0) + 1)
  }
  expect(codes.get('subscribed')).toBe(1000)
  expect(codes.get('rate-limited')).toBeGreaterThan(1000)
  expect(await client.request({ type: 'ping' })).toMatchObject({ type: 'pong' })
  await bystander.request({ type: 'publish', channel: 'any:bystander', data: 'still here' })
  await bystander.countOf('any:bystander', 1)
  await client.close()
  await until(() => node.tidings.health().channels === 1)
})

test('rejoins nothing of a session that was cut in the middle of a frame', async () => {
  const node = await start()
  const client = await connect(node, { token: false })
  client.send([{ type: 'connect', id: 1 }, { type: 'subscribe', id: 2, channel: 'any:a' }, 'not an object'])
  expect(await client.closed).toEqual({ code: 4500, reason: 'bad-frame' })
  await until(() => node.tidings.health().sessions === 0)
  expect(node.tidings.health().channels).toBe(0)
})

test('lets a session go at once that was ended while it was not read from', async () => {
  const never = latch<boolean>()
  afterTest(() => never.open(false))
  const node = await start({
    limits: { maxCommandsInFlight: 1 },
    allow: { ...allow, 'private:{id}': { publish: () => never.opened } },
  })
  const client = await connect(node)
  client.send([1, 2, 3].map((id) => ({ type: 'publish', id: id + 10, channel: 'private:a', data: id })))
  await (await connect(node)).request({ type: 'ping' })
  await node.tidings.close({ drainMs: 60_000 })
  expect(await client.closed).toMatchObject({ code: 4000 })
})
