import { deflateRawSync } from 'node:zlib'
import { fragments, frame, handshake, RawSocket } from '@tidings/testing'
import { expect, test } from 'vitest'
import { connect, start, until } from '../node.fixture.js'
import type { CountedLimit } from './limits-reached.js'

const CONNECT = frame('{"type":"connect","id":1,"token":"ada"}')
const DEFLATE = { 'Sec-WebSocket-Extensions': 'permessage-deflate' }

type Node = Awaited<ReturnType<typeof start>>

/** Sends it on a connection of its own, which the node ends for it. */
const endedFor = async (node: Node, bytes: Buffer, headers = {}): Promise<void> => {
  const raw = await RawSocket.open(node.port, '/ws', headers)
  raw.write(CONNECT)
  await raw.until(() => raw.messages.length > 0)
  raw.write(bytes)
  await raw.ended
}

type Request = Parameters<Awaited<ReturnType<typeof connect>>['request']>[0]

const refused = async (node: Node, command: Request): Promise<void> => {
  const client = await connect(node, { token: 'ada' })
  expect(await client.request(command)).toMatchObject({ code: 'payload-too-large' })
}

const CASES: readonly (readonly [CountedLimit, string, (node: Node) => Promise<void>])[] = [
  ['maxFrameBytes', 'a frame', (node) => endedFor(node, frame('x'.repeat(200_000)))],
  [
    'maxFrameBytes',
    'a frame that inflates',
    (node) => endedFor(node, frame(deflateRawSync(Buffer.alloc(10_000_000, ' ')), { reserved: 4 }), DEFLATE),
  ],
  ['maxFragments', 'a frame', (node) => endedFor(node, fragments(new Array<string>(2000).fill(' '), 1))],
  [
    'maxPayloadBytes',
    'a publication',
    (node) => refused(node, { type: 'publish', channel: 'long:a', data: 'x'.repeat(70_000) }),
  ],
  [
    'maxPresenceBytes',
    'presence data',
    (node) => refused(node, { type: 'presence', channel: 'chat:a', action: 'enter', data: 'x'.repeat(5000) }),
  ],
  [
    'origins',
    'a page of another site',
    async (node) => {
      const raw = new RawSocket(node.port)
      raw.write(handshake('/ws', { Origin: 'https://evil.example' }))
      await raw.ended
      expect(raw.status).toBe(403)
    },
  ],
]

test.each(CASES)('%s is counted for %s beyond it', async (limit, _what, goBeyond) => {
  const node = await start({ compression: true })
  await goBeyond(node)
  await until(() => node.tidings.limitsReached()[limit] !== undefined)
  expect(node.tidings.limitsReached()).toEqual({ [limit]: 1 })
})

test('connectDeadlineMs is counted for a connection that says nothing', async () => {
  const node = await start({ limits: { connectDeadlineMs: 30 } })
  const client = await connect(node, { token: false })
  expect(await client.closed).toMatchObject({ code: 4003 })
  expect(node.tidings.limitsReached()).toEqual({ connectDeadlineMs: 1 })
})
