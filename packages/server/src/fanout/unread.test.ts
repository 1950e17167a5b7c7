import { setImmediate as endOfTurn } from 'node:timers/promises'
import { frame, RawSocket } from '@tidings/testing'
import { expect, test } from 'vitest'
import { afterTest, connect, nodeSide, start } from '../node.fixture.js'

const COUNT = 300
const TEXT = 'x'.repeat(10_000)
const maxUnreadBytes = 100_000

const publishAll = async (node: Awaited<ReturnType<typeof start>>, from: number): Promise<void> => {
  const channel = node.tidings.channel('long:{name}', { name: 'a' })
  for (let index = from; index < from + COUNT; index++) {
    await channel.publish([index, TEXT])
    await endOfTurn()
  }
}

const counted = Array.from({ length: 2 * COUNT }, (_, index) => index)

test('a client that stops reading is sent little more, however much its buffers would take, and misses nothing', async () => {
  const node = await start({ limits: { profile: 'load-test', maxUnreadBytes } })
  const accepted = nodeSide(node)
  const client = await connect(node)
  const socket = await accepted
  await client.request({ type: 'subscribe', channel: 'long:a' })
  await publishAll(node, 0)
  await client.countOf('long:a', COUNT)
  const before = socket.bytesWritten
  client.socket.pause()
  await publishAll(node, COUNT)
  expect(socket.bytesWritten - before).toBeLessThan(2 * maxUnreadBytes)
  client.socket.resume()
  await client.countOf('long:a', 2 * COUNT)
  expect(client.dataOf('long:a').map((data) => (data as [number])[0])).toEqual(counted)
  expect(client.received.filter(({ type }) => type === 'gap')).toEqual([])
})

test('a client that answers no ping gets everything as it comes', async () => {
  const node = await start({ limits: { profile: 'load-test', maxUnreadBytes } })
  const raw = await RawSocket.open(node.port)
  afterTest(() => raw.socket.destroy())
  raw.write(
    frame(
      JSON.stringify([
        { type: 'connect', id: 1 },
        { type: 'subscribe', id: 2, channel: 'long:a' },
      ]),
    ),
  )
  await raw.until(() => JSON.stringify(raw.messages).includes('"subscribed"'))
  await publishAll(node, 0)
  const numbers = (): unknown[] =>
    raw.messages.flatMap(
      (message) => (message as { publications?: { data: [number] }[] }).publications?.map(({ data }) => data[0]) ?? [],
    )
  await raw.until(() => numbers().length === COUNT)
  expect(numbers()).toEqual(counted.slice(0, COUNT))
  expect(raw.frames.filter(({ opcode }) => opcode === 9)).toHaveLength(1)
})

test('a client whose commands wait for its replies to be taken still tells what it has read', async () => {
  const node = await start({ limits: { profile: 'load-test', maxUnreadBytes, maxBufferedBytes: 20_000 } })
  await publishAll(node, 0)
  const client = await connect(node)
  await client.request({ type: 'subscribe', channel: 'long:a', rewind: { count: COUNT } })
  client.socket.pause()
  for (let id = 100; id < 140; id++) client.send({ type: 'history', id, channel: 'long:a' })
  await publishAll(node, COUNT)
  client.socket.resume()
  await client.find((item) => item.type === 'history' && item.id === 139)
  await client.countOf('long:a', 2 * COUNT)
  expect(client.dataOf('long:a').map((data) => (data as [number])[0])).toEqual(counted)
})
