import { FaultProxy, type RawClient } from '@tidings/testing'
import { jsonCodec } from '@tidings/protocol'
import { msgpackCodec } from '@tidings/protocol/msgpack'
import { expect, test } from 'vitest'
import { afterTest, connect, nodeSide, start } from '../node.fixture.js'

const COUNT = 240
const RATE = { bytesPerSecond: 20_000 }
const TEXT = 'x'.repeat(1000)
const KIB = 1024

const numbersOf = (client: RawClient): readonly number[] => client.dataOf('long:a').map((data) => (data as [number])[0])

test.each([jsonCodec, msgpackCodec])(
  'a connection at 20 KB/s catches up in small frames, few of them under way, with $subprotocol',
  async (codec) => {
    const node = await start()
    const channel = node.tidings.channel('long:{name}', { name: 'a' })
    for (let index = 0; index < COUNT; index++) await channel.publish([index, TEXT])
    const proxy = await FaultProxy.listen({ targetPort: node.port })
    afterTest(() => proxy.close())
    const accepted = nodeSide(node)
    const client = await connect({ url: node.url.replace(String(node.port), String(proxy.port)) }, { codec })
    const socket = await accepted
    proxy.setRulesOfAll('to-client', RATE)
    const frames: number[] = []
    let mostUnread = 0
    client.socket.on('message', (data: Buffer) => {
      frames.push(data.length)
      mostUnread = Math.max(mostUnread, socket.bytesWritten - (proxy.connections[0]?.bytesToClient ?? 0))
    })
    client.send({ type: 'subscribe', id: 100, channel: 'long:a', rewind: { count: COUNT } })
    await client.countOf('long:a', 60)
    // It does not wait behind all that the subscription has not got yet.
    expect(await client.request({ type: 'publish', channel: 'long:a', data: [COUNT, ''] })).toMatchObject({
      type: 'published',
    })
    expect(numbersOf(client).length).toBeLessThan(COUNT)
    await client.countOf('long:a', COUNT + 1)
    expect(numbersOf(client)).toEqual(Array.from({ length: COUNT + 1 }, (_, index) => index))
    expect(Math.max(...frames)).toBeLessThanOrEqual(16 * KIB)
    expect(mostUnread).toBeLessThan(128 * KIB)
  },
)
