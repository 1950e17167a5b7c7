import { once } from 'node:events'
import { deflateRawSync } from 'node:zlib'
import { msgpackCodec } from '@tidings/protocol/msgpack'
import { frame, RawSocket } from '@tidings/testing'
import { expect, test } from 'vitest'
import { connect, nodeSide, start } from '../node.fixture.js'
import { DEFAULT_LIMITS } from '../options.js'

const TEXT = JSON.stringify(Array.from({ length: 200 }, (_, index) => ({ symbol: 'BTCUSDT', price: 9600 + index })))
const OFFER = { 'Sec-WebSocket-Extensions': 'permessage-deflate' }

test('publications are compressed for clients that offer it, in both codecs, and not for others', async () => {
  const node = await start({ compression: true })
  const sizes: number[] = []
  for (const options of [{}, { codec: msgpackCodec }, { socket: { perMessageDeflate: false } }]) {
    const accepted = nodeSide(node)
    const client = await connect(node, options)
    const socket = await accepted
    await client.request({ type: 'subscribe', channel: 'long:a' })
    const before = socket.bytesWritten
    await node.tidings.channel('long:{name}', { name: 'a' }).publish(TEXT)
    await client.countOf('long:a', 1)
    expect(client.dataOf('long:a')).toEqual([TEXT])
    sizes.push((socket.bytesWritten - before) / TEXT.length)
    client.socket.terminate()
    await client.closed
  }
  const [json, msgpack, plain] = sizes
  expect(json).toBeLessThan(0.4)
  expect(msgpack).toBeLessThan(0.4)
  expect(plain).toBeGreaterThan(1)
})

test('what a client missed comes compressed too, and what it published with echo: false as an echo mark', async () => {
  const node = await start({ compression: true })
  const lobby = node.tidings.channel('long:{name}', { name: 'a' })
  for (let index = 0; index < 50; index++) await lobby.publish([index, TEXT])
  const client = await connect(node)
  await client.request({ type: 'subscribe', channel: 'long:a', rewind: { count: 40 } })
  await client.request({ type: 'publish', channel: 'long:a', data: TEXT, echo: false })
  await lobby.publish('last')
  await client.countOf('long:a', 41)
  expect(client.dataOf('long:a').map((data) => (Array.isArray(data) ? (data[0] as unknown) : data))).toEqual([
    ...Array.from({ length: 40 }, (_, index) => index + 10),
    'last',
  ])
})

test('a client’s own compressed frames are read', async () => {
  const node = await start({ compression: true })
  const client = await connect(node, { socket: { perMessageDeflate: { threshold: 0 } } })
  expect(client.socket.extensions).toBe('permessage-deflate')
  expect(await client.request({ type: 'publish', channel: 'long:a', data: TEXT })).toMatchObject({ type: 'published' })
})

test('a client that asks for a smaller window gets frames that are not compressed', async () => {
  const node = await start({ compression: true })
  const client = await connect(node, { socket: { perMessageDeflate: { serverMaxWindowBits: 9 } } })
  expect(client.socket.extensions).toBe('permessage-deflate')
  await client.request({ type: 'subscribe', channel: 'long:a' })
  await node.tidings.channel('long:{name}', { name: 'a' }).publish(TEXT)
  await client.countOf('long:a', 1)
  expect(client.dataOf('long:a')).toEqual([TEXT])
})

test('a frame that inflates to more than a frame may have closes with 1009, and others go on', async () => {
  const node = await start({ compression: true })
  const bystander = await connect(node)
  const raw = await RawSocket.open(node.port, '/ws', OFFER)
  expect(raw.head).toContain('permessage-deflate; server_no_context_takeover; client_no_context_takeover')
  const bomb = deflateRawSync(Buffer.alloc(64 * 1024 * 1024, ' '))
  expect(bomb.length).toBeLessThan(DEFAULT_LIMITS.maxFrameBytes)
  raw.write(frame(bomb, { reserved: 4 }))
  expect(await raw.closeCode()).toBe(1009)
  expect(await bystander.request({ type: 'ping' })).toMatchObject({ type: 'pong' })
})

test.each(['garbage', 'a frame that was not negotiated'])('%s in place of a compressed frame closes', async (what) => {
  const node = await start({ compression: what === 'garbage' })
  const raw = await RawSocket.open(node.port, '/ws', OFFER)
  raw.write(frame(Buffer.from([0xff, 0xff, 0xff, 0xff, 1, 2, 3]), { reserved: 4 }))
  expect(await raw.closeCode()).toBe(what === 'garbage' ? 1007 : 1002)
})

test('is off unless the node is told otherwise', async () => {
  const client = await connect(await start())
  expect(client.socket.extensions).toBe('')
  client.socket.close()
  await once(client.socket, 'close')
})
