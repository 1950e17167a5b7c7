import { handshake, type LocalNode, type RawClient, type RawClientOptions, RawSocket } from '@tidings/testing'
import { describe, expect, test } from 'vitest'
import { startWithTokens, token } from '../access/token.fixture.js'
import { type App, connect, start, until } from '../node.fixture.js'

/** Under which nothing that was used comes back. */
const stopped = { now: () => Date.now(), monotonic: () => 0 }
const proxied = { trustedProxies: ['127.0.0.1'] }
type Node = LocalNode<App>

const from = (address: string): RawClientOptions => ({ headers: { 'x-forwarded-for': address } })
const subscribe = (client: RawClient, channel: string) => client.request({ type: 'subscribe', channel })
const statusFrom = async ({ port }: Node, address: string): Promise<number> => {
  const raw = new RawSocket({ host: '127.0.0.1', port })
  raw.write(handshake('/ws', { Host: `127.0.0.1:${port}`, 'X-Forwarded-For': address }))
  await raw.until(() => raw.head !== '')
  const { status } = raw
  raw.socket.destroy()
  await raw.ended
  return status
}

/** What a connect command with this token is answered, and how the connection closes. */
const connectWith = async (node: Node, given: string, options: RawClientOptions = {}) => {
  const client = await connect(node, { ...options, token: false })
  client.send({ type: 'connect', id: 1, token: given })
  const reply = await client.find(() => true)
  return reply.type === 'error' ? `${reply.code} ${reply.retryable} ${(await client.closed).code}` : reply.type
}

describe('the rate of commands of a user', () => {
  const limits = { commandsPerSecond: 1, commandBurst: 6, usersPerAddress: 1 }

  test('goes on where it was after a reconnect', async () => {
    const node = await start({ limits, clock: stopped })
    const answers: string[] = []
    for (let times = 0; times < 8; times++) {
      const client = await connect(node, { token: 'ada' })
      answers.push((await subscribe(client, 'any:a')).type)
      await client.close()
    }
    expect(answers.filter((type) => type === 'subscribed')).toHaveLength(6)
    expect(await subscribe(await connect(node, { token: 'bob' }), 'any:a')).toMatchObject({ type: 'subscribed' })
    expect(node.tidings.limitsReached()).toEqual({ commandsPerSecond: 2 })
  })

  test('is shared by all of the user’s connections', async () => {
    const node = await start({ limits, clock: stopped })
    const clients = await Promise.all(Array.from({ length: 8 }, () => connect(node, { token: 'ada' })))
    const answers = await Promise.all(clients.map((client) => subscribe(client, 'any:a')))
    expect(answers.filter(({ type }) => type === 'subscribed')).toHaveLength(6)
  })

  test('is that of the address for anonymous clients, whatever secret they name', async () => {
    const node = await start({ limits, clock: stopped, ...proxied })
    const ask = async (address: string, client: string): Promise<string> => {
      const raw = await connect(node, { ...from(address), client })
      const { type } = await subscribe(raw, 'any:a')
      await raw.close()
      return type
    }
    const answers: string[] = []
    for (let times = 0; times < 7; times++) answers.push(await ask('192.0.2.1', `secret-${times}`))
    expect(answers.filter((type) => type === 'subscribed')).toHaveLength(6)
    expect(await ask('192.0.2.2', 'x')).toBe('subscribed')
    for (let times = 0; times < 6; times++) await ask(`2001:db8::${times + 1}`, 'x')
    expect(await ask('2001:db8::ffff', 'x')).toBe('error')
    expect(await ask('2001:db8:0:1::1', 'x')).toBe('subscribed')
  })

  test('leaves an address of many anonymous clients as much as several users have', async () => {
    const node = await start({ limits: { ...limits, usersPerAddress: 3 }, clock: stopped })
    const answers: string[] = []
    for (let times = 0; times < 20; times++) {
      const client = await connect(node)
      answers.push((await subscribe(client, 'any:a')).type)
      await client.close()
    }
    expect(answers.filter((type) => type === 'subscribed')).toHaveLength(18)
  })
})

describe('the rate of bytes of a user', () => {
  test('goes on where it was after a reconnect, and holds all of the user’s connections', async () => {
    const node = await start({ limits: { bytesPerSecond: 40_000, bytesBurst: 65_536 } })
    const first = await connect(node, { token: 'ada' })
    for (let index = 0; index < 8; index++) {
      first.send({ type: 'publish', id: 10 + index, channel: 'long:a', data: 'x'.repeat(10_000) })
    }
    await until(() => node.tidings.limitsReached().bytesPerSecond !== undefined)
    first.socket.terminate()
    await first.closed
    const again = await connect(node, { token: 'ada' })
    again.send({ type: 'publish', id: 10, channel: 'long:a', data: 'x'.repeat(20_000) })
    await until(() => node.tidings.limitsReached().bytesPerSecond === 2)
    const bystander = await connect(node, { token: 'bob' })
    const data = 'x'.repeat(20_000)
    expect(await bystander.request({ type: 'publish', channel: 'long:a', data })).toMatchObject({ type: 'published' })
    expect(node.tidings.limitsReached().bytesPerSecond).toBe(2)
    await again.find((item) => item.type === 'published' && item.id === 10)
  })

  test('counts what connections sent that ended before it was looked at', async () => {
    const node = await start({ limits: { bytesPerSecond: 1, bytesBurst: 40_000 }, clock: stopped })
    for (let times = 0; times < 5; times++) {
      const client = await connect(node, { token: 'ada' })
      await client.request({ type: 'publish', channel: 'long:a', data: 'x'.repeat(9000) })
      await client.close()
    }
    await until(() => node.tidings.health().sessions === 0)
    const last = await connect(node, { token: 'ada' })
    last.send({ type: 'publish', id: 10, channel: 'long:a', data: 'x'.repeat(17_000) })
    await until(() => node.tidings.limitsReached().bytesPerSecond !== undefined)
  })
})

describe('connecting', () => {
  test('a user who comes too often is told to come back later, and others are let in', async () => {
    const node = await start({ limits: { connectsPerSecond: 1, connectBurst: 3 }, clock: stopped })
    for (let times = 0; times < 3; times++) expect(await connectWith(node, 'ada')).toBe('connected')
    expect(await connectWith(node, 'ada')).toBe('rate-limited true 4007')
    expect(await connectWith(node, 'bob')).toBe('connected')
    expect(node.tidings.limitsReached()).toEqual({ connectsPerSecond: 1 })
  })

  test('handshakes of one address beyond its rate get HTTP 429, also when they end at once', async () => {
    const node = await start({ limits: { handshakesPerSecond: 1, handshakeBurst: 3 }, clock: stopped, ...proxied })
    const statuses: number[] = []
    for (let times = 0; times < 5; times++) statuses.push(await statusFrom(node, '192.0.2.1'))
    expect(statuses).toEqual([101, 101, 101, 429, 429])
    expect(await statusFrom(node, '192.0.2.2')).toBe(101)
    for (const last of ['1', '2', '3']) expect(await statusFrom(node, `2001:db8::${last}`)).toBe(101)
    expect(await statusFrom(node, '2001:db8::4')).toBe(429)
    expect(node.tidings.limitsReached()).toEqual({ handshakesPerSecond: 3 })
  })

  test('tokens that do not hold are not checked beyond the rate of their address; others get in', async () => {
    const limits = { failedTokensPerSecond: 1, failedTokenBurst: 3 }
    const node = await startWithTokens({ limits, clock: stopped, ...proxied })
    const good = await token({})
    const office = from('192.0.2.1')
    for (let times = 0; times < 5; times++) expect(await connectWith(node, good, office)).toBe('connected')
    for (let times = 0; times < 3; times++) {
      expect(await connectWith(node, `${good}x`, office)).toBe('unauthorized false 4501')
    }
    expect(await connectWith(node, 'other', office)).toBe('rate-limited true 4007')
    expect(await connectWith(node, good, from('192.0.2.2'))).toBe('connected')
    expect(node.tidings.limitsReached()).toEqual({ failedTokensPerSecond: 1 })
  })

  test('tokens of refreshes that do not hold count as well', async () => {
    const limits = { failedTokensPerSecond: 1, failedTokenBurst: 2 }
    const node = await start({ limits, clock: stopped })
    const client = await connect(node, { token: 'ada' })
    const refresh = () => client.request({ type: 'refresh', token: 'bad' })
    expect(await refresh()).toMatchObject({ code: 'unauthorized' })
    expect(await refresh()).toMatchObject({ code: 'unauthorized' })
    expect(await refresh()).toMatchObject({ code: 'rate-limited', retryable: true })
    // Whoever brings nothing cannot fail, and an open session goes on.
    expect((await connect(node)).received).toMatchObject([{ type: 'connected' }])
    expect(await subscribe(client, 'any:a')).toMatchObject({ type: 'subscribed' })
  })
})
