import { jsonCodec } from '@tidings/protocol'
import { msgpackCodec } from '@tidings/protocol/msgpack'
import { memory } from '@tidings/server/memory'
import { type LocalNode, RawClient, startNode } from '@tidings/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bytesOf, readVectors } from './vectors.js'

/** The vectors against a real node over real sockets, as a client in another language would meet it. */
describe('a node', () => {
  let node: LocalNode<never>

  beforeAll(async () => {
    node = await startNode({ dev: true, backend: memory() })
  })
  afterAll(() => node.close())

  const open = (codec: 'json' | 'msgpack', token: string | false = 'ann'): Promise<RawClient> =>
    RawClient.open(node.url, { codec: codec === 'json' ? jsonCodec : msgpackCodec, token })

  for (const { name, json, text, hex, id, code } of readVectors('invalid-commands.json')) {
    it(`answers ${name} with ${code} and goes on`, async () => {
      const client = await open(hex === undefined ? 'json' : 'msgpack')
      const before = client.received.length
      client.send(hex === undefined ? (text ?? JSON.stringify(json)) : bytesOf(hex))
      const reply = await client.find((item) => item.type === 'error' && item.id === id, before)
      // A session connects once, whatever is wrong with the second attempt.
      expect([code, 'already-connected']).toContain('code' in reply ? reply.code : '')
      client.send({ type: 'ping', id: 999_999 })
      await client.find((item) => item.type === 'pong' && item.id === 999_999)
      await client.close()
    })
  }

  for (const { name, codec, text, hex, close } of readVectors('invalid-frames.json')) {
    it(`closes the connection with ${close} after ${name} (${codec})`, async () => {
      const client = await open(codec)
      client.send(text ?? bytesOf(hex ?? ''))
      expect(await client.closed).toMatchObject({ code: close })
    })
  }

  for (const codec of ['json', 'msgpack'] as const) {
    it(`answers every valid command once (${codec})`, async () => {
      for (const { name, json, msgpack } of readVectors('commands.json')) {
        const isConnect = name.startsWith('connect')
        const client = await open(codec, isConnect ? false : 'ann')
        const start = client.received.length
        client.send(codec === 'json' ? JSON.stringify(json) : bytesOf(msgpack))
        const { id } = json as { id: number }
        await client.find((item) => 'id' in item && item.id === id, start)
        client.send({ type: 'ping', id: 999_999 })
        await client.find((item) => 'id' in item && item.id === 999_999)
        expect(client.received.slice(start).filter((item) => 'id' in item && item.id === id)).toHaveLength(1)
        await client.close()
      }
    })
  }
})
