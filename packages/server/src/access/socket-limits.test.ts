import { EventEmitter } from 'node:events'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { afterTest, connect as connectClient, start, until } from '../node.fixture.js'
import { trustedProxyCheck } from './client-address.js'
import { SocketLimits } from './socket-limits.js'

class FakeSocket extends EventEmitter {
  isDestroyed = false
  readonly remoteAddress: string

  constructor(remoteAddress: string) {
    super()
    this.remoteAddress = remoteAddress
  }

  destroy(): this {
    this.isDestroyed = true
    this.emit('close')
    return this
  }
}

const limited = (maxConnections: number, maxConnectionsPerAddress: number) => {
  const reached: string[] = []
  const isTrusted = trustedProxyCheck(['10.0.0.1'])
  if (typeof isTrusted === 'string') throw new Error(isTrusted)
  const limits = new SocketLimits({ maxConnections, maxConnectionsPerAddress }, isTrusted, (limit) =>
    reached.push(limit),
  )
  /** How many of so many sockets were let in. */
  const open = (address: string, count: number): readonly FakeSocket[] =>
    Array.from({ length: count }, () => new FakeSocket(address)).filter((socket) => {
      limits.opened(socket)
      return !socket.isDestroyed
    })
  return { open, reached }
}

test('an address has as many sockets again as connections, and room for pages', () => {
  expect(limited(1000, 100).open('192.0.2.1', 300)).toHaveLength(200)
  expect(limited(1000, 2).open('192.0.2.1', 300)).toHaveLength(18)
})

test('one network of IPv6 is one address, and what closes makes room', () => {
  const { open, reached } = limited(1000, 2)
  const sockets = [...open('2001:db8::1', 10), ...open('2001:db8::2', 10)]
  expect(sockets).toHaveLength(18)
  expect(open('2001:db8:0:1::1', 1)).toHaveLength(1)
  for (const socket of sockets.slice(0, 3)) socket.destroy()
  expect(open('2001:db8::3', 5)).toHaveLength(3)
  expect(new Set(reached)).toEqual(new Set(['maxConnectionsPerAddress']))
})

test('a trusted proxy and loopback are bounded by what the node takes in all', () => {
  for (const address of ['10.0.0.1', '127.0.0.1', '::ffff:127.0.0.1']) {
    const { open, reached } = limited(100, 2)
    expect(open(address, 300)).toHaveLength(200)
    expect(new Set(reached)).toEqual(new Set(['maxConnections']))
  }
})

test('handshakes that never end leave room for those that do, and are counted', async () => {
  const node = await start({ limits: { maxConnections: 5 } })
  node.tidings.limitSockets(node.http)
  const sockets = Array.from({ length: 100 }, () => {
    const socket = connect(node.port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write('GET /ws HTTP/1.1\r\nHost: a\r\n')
    afterTest(() => void socket.destroy())
    return socket
  })
  await until(() => sockets.filter(({ destroyed, readableEnded }) => destroyed || readableEnded).length === 31)
  expect(node.tidings.limitsReached()).toEqual({ maxConnections: 31 })
  for (const socket of sockets) socket.destroy()
  const count = (): Promise<number> =>
    new Promise((resolve) => node.http.getConnections((_error, connections) => resolve(connections)))
  await expect.poll(count).toBe(0)
  const client = await connectClient(node)
  expect(await client.request({ type: 'ping' })).toMatchObject({ type: 'pong' })
})
