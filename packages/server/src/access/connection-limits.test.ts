import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { handshake, RawClient, RawSocket } from '@tidings/testing'
import { describe, expect, test } from 'vitest'
import { afterTest, connect, LoggedLines, start, until } from '../node.fixture.js'
import { addressGroup } from './address-group.js'
import { ConnectionLimits, type CountedAddress } from './connection-limits.js'

const refused = async (port: number): Promise<readonly [number, unknown]> => {
  const raw = new RawSocket(port)
  raw.write(handshake())
  await raw.ended
  return [raw.status, raw.body]
}

const LIMITS = { maxConnections: 5, maxConnectionsPerAddress: 2, maxConnectionsPerUser: 2 }
const limited = (): { limits: ConnectionLimits; reached: string[] } => {
  const reached: string[] = []
  return { limits: new ConnectionLimits(LIMITS, (limit) => reached.push(limit)), reached }
}

describe('a node with as many connections as it takes', () => {
  test('refuses one more before the upgrade, and takes one again when one has gone', async () => {
    const logger = new LoggedLines()
    const node = await start({ limits: { maxConnections: 2 }, logger })
    const first = await connect(node)
    const second = await connect(node, { token: false })
    const refusal = [503, expect.objectContaining({ code: 'too-many-connections' })]
    expect(await refused(node.port)).toEqual(refusal)
    expect(await refused(node.port)).toEqual(refusal)
    expect(node.tidings.limitsReached()).toEqual({ maxConnections: 2 })
    expect(logger.lines.filter(({ level }) => level === 'warn')).toMatchObject([
      { text: 'a limit was reached', fields: { limit: 'maxConnections', times: 1 } },
    ])
    expect(await first.request({ type: 'ping' })).toMatchObject({ type: 'pong' })
    second.socket.terminate()
    await until(() => node.tidings.health().sessions === 1)
    expect(await (await connect(node)).request({ type: 'ping' })).toMatchObject({ type: 'pong' })
  })

  test('counts connections of the echo path, and none that failed in its handshake', async () => {
    const node = await start({ limits: { maxConnections: 1 }, echoPath: '/echo' })
    for (let times = 0; times < 3; times++) {
      const raw = new RawSocket(node.port)
      raw.write(handshake('/ws', { 'Sec-WebSocket-Key': 'short' }))
      await raw.ended
      expect(raw.status).toBe(400)
    }
    const echo = await RawSocket.open(node.port, '/echo')
    expect((await refused(node.port))[0]).toBe(503)
    echo.socket.destroy()
    await echo.ended
  })
})

const from = (remoteAddress: string, isExempt = false): CountedAddress => ({ remoteAddress, isExempt })

describe('an address with as many connections as one may', () => {
  test('is refused with its own code, and others are not', () => {
    const { limits, reached } = limited()
    for (const address of ['192.0.2.1', '::ffff:192.0.2.1']) limits.opened(from(address))
    expect(limits.refusal(from('192.0.2.1'))).toMatchObject({ status: 429, code: 'too-many-from-address' })
    expect(limits.refusal(from('192.0.2.2'))).toBeUndefined()
    limits.closed(from('192.0.2.1'))
    expect(limits.refusal(from('192.0.2.1'))).toBeUndefined()
    expect(reached).toEqual(['maxConnectionsPerAddress'])
  })

  test('is one /64 of IPv6, whichever of its addresses come', () => {
    const { limits } = limited()
    for (const address of ['2001:db8:0:1::1', '2001:db8:0:1:ffff::2']) limits.opened(from(address))
    expect(limits.refusal(from('2001:db8::1:a:b:c:d'))).toMatchObject({ status: 429 })
    expect(limits.refusal(from('2001:db8:0:2::1'))).toBeUndefined()
  })

  test('is not this machine, behind whose proxy everybody may be', () => {
    const { limits } = limited()
    const local = from('127.0.0.1', true)
    for (let times = 0; times < 4; times++) limits.opened(local)
    expect(limits.refusal(local)).toBeUndefined()
    limits.closed(local)
    expect(limits.refusal(from('127.0.0.1'))).toBeUndefined()
  })

  test('is this machine when the connection came through a trusted proxy on it', () => {
    const { limits } = limited()
    for (let times = 0; times < 2; times++) limits.opened(from('127.0.0.1'))
    expect(limits.refusal(from('127.0.0.1'))).toMatchObject({ status: 429 })
  })

  // Only loopback addresses exist everywhere, so this test's server says what it was told.
  test('gets HTTP 429 from a real node', async () => {
    const node = await start({ limits: { maxConnectionsPerAddress: 1 } })
    const http = createServer()
    http.on('connection', (socket) => Object.defineProperty(socket, 'remoteAddress', { value: '192.0.2.1' }))
    afterTest(() => new Promise((resolve) => http.close(resolve)))
    node.tidings.attach(http)
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    const { port } = http.address() as AddressInfo
    const client = await RawClient.open(`ws://127.0.0.1:${port}/ws`)
    expect(await refused(port)).toEqual([429, expect.objectContaining({ code: 'too-many-from-address' })])
    await client.close()
    await until(() => node.tidings.health().sessions === 0)
    await (await RawClient.open(`ws://127.0.0.1:${port}/ws`)).close()
  })
})

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:0DB8:0:00a1:1:2:3:4', '2001:db8:0:a1::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['1:2:3:4:5:6:7::', '1:2:3:4::/64'],
])('%s counts as %s', (address, group) => {
  expect(addressGroup(address)).toBe(group)
})

describe('a user with as many connections as one may', () => {
  test('is told to come back later, and others are let in', async () => {
    const node = await start({ limits: { maxConnectionsPerUser: 2 } })
    const first = await connect(node, { token: 'ada' })
    await connect(node, { token: 'ada' })
    const third = await connect(node, { token: false })
    third.send({ type: 'connect', id: 1, token: 'ada' })
    expect(await third.closed).toEqual({ code: 4006, reason: 'too-many-connections' })
    expect(third.received).toMatchObject([{ type: 'error', id: 1, code: 'too-many-connections', retryable: true }])
    for (const token of ['bob', undefined, undefined, undefined]) {
      const other = await connect(node, token === undefined ? {} : { token })
      expect(other.received).toMatchObject([{ type: 'connected' }])
    }
    expect(node.tidings.limitsReached()).toEqual({ maxConnectionsPerUser: 1 })
    await first.close()
    await until(() => node.tidings.health().sessions === 5)
    expect((await connect(node, { token: 'ada' })).received).toMatchObject([{ type: 'connected', user: 'ada' }])
  })

  test('loses no place by a refresh or by commands after the end', async () => {
    const node = await start({ limits: { maxConnectionsPerUser: 1 } })
    for (let times = 0; times < 3; times++) {
      const client = await connect(node, { token: 'ada' })
      expect(await client.request({ type: 'refresh', token: 'ada' })).toMatchObject({ type: 'refreshed' })
      await client.close()
      await until(() => node.tidings.health().sessions === 0)
    }
  })
})
