import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { expect, test } from 'vitest'
import { makePair } from '../../../../test/certificates/certificates.js'
import { memory } from '../backend/memory/index.js'
import { afterTest, allow, connect, contract } from '../node.fixture.js'
import { createTidings } from '../tidings.js'

const COUNT = 600
const MAX_BUFFERED_BYTES = 16_384
const TEXT = 'x'.repeat(30_000)

/** Over TLS what waits is counted before it is encrypted, and the socket below takes what it can. */
test('a TLS connection that takes nothing is not queued for, and catches up in order', async () => {
  const pair = await makePair()
  const authenticate = ({ token }: { token: string | undefined }) => (token === undefined ? null : { id: token })
  const limits = { profile: 'load-test', maxBufferedBytes: MAX_BUFFERED_BYTES } as const
  const tidings = createTidings({ contract, backend: memory(), authenticate, allow, limits })
  const https = createServer(pair)
  tidings.attach(https)
  await tidings.ready
  https.listen(0, '127.0.0.1')
  await once(https, 'listening')
  afterTest(async () => {
    await tidings.close()
    https.closeAllConnections()
    https.close()
  })
  const url = `wss://127.0.0.1:${(https.address() as AddressInfo).port}/ws`
  const socket = { ca: pair.cert }
  const accepted = once(https, 'secureConnection') as Promise<[TLSSocket]>
  const slow = await connect({ url }, { token: 'slow', socket })
  const [nodeSide] = await accepted
  await slow.request({ type: 'subscribe', channel: 'long:a' })
  slow.socket.pause()
  const publisher = await connect({ url }, { socket })
  let highest = 0
  for (let index = 0; index < COUNT; index++) {
    await publisher.request({ type: 'publish', channel: 'long:a', data: [index, TEXT] })
    highest = Math.max(highest, nodeSide.writableLength)
  }
  expect(highest).toBeGreaterThan(MAX_BUFFERED_BYTES)
  expect(highest).toBeLessThan(20 * MAX_BUFFERED_BYTES)
  slow.socket.resume()
  await slow.countOf('long:a', COUNT)
  expect(slow.dataOf('long:a').map((data) => (data as [number])[0])).toEqual(
    Array.from({ length: COUNT }, (_, index) => index),
  )
  expect(slow.received.filter(({ type }) => type === 'gap')).toEqual([])
})
