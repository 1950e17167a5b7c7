import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { channel, defineContract } from '@tidings/contract'
import { createTidings, type TidingsOptions } from '@tidings/server'
import { memory } from '@tidings/server/memory'
import { type AttackOptions, type AttackReport, attackTable, FaultProxy, runAttacks, startNode } from '@tidings/testing'
import { describe, expect, it, onTestFinished } from 'vitest'

const contract = defineContract({ '{all...}': channel({ history: { maxCount: 10 }, presence: true }) })
const everything = { subscribe: true, publish: true, presence: true }

interface Permissive {
  readonly port: number
  readonly url: string
  /** From now on it says that it is not well. */
  fail(): void
}

/** A node as it must not be: everybody is the same user, pages of any site get in, and there are no limits. */
const permissive = async (options: Partial<TidingsOptions<typeof contract>> = {}): Promise<Permissive> => {
  const limits = {
    profile: 'load-test',
    maxPresenceTotalBytes: 1e9,
    commandsPerSecond: 1e6,
    commandBurst: 1e6,
    maxSubscriptions: 1e6,
    maxPayloadBytes: 1e6,
    maxPresenceBytes: 1e9,
    historyBytesPerSecond: 1e9,
    historyBytesBurst: 1e9,
  } as const
  const tidings = createTidings<typeof contract>({
    contract,
    backend: memory(),
    authenticate: () => ({ id: 'anybody' }),
    allow: { '{all...}': everything },
    limits: { ...limits, maxFrameBytes: 100_000_000, maxFragments: 1_000_000 },
    ...options,
  })
  let isWell = true
  const http = createServer((request, response) => {
    if (isWell) tidings.respondHealth(request, response)
    else response.writeHead(503).end()
  })
  tidings.attach(http)
  const [upgrade] = http.listeners('upgrade')
  http.removeAllListeners('upgrade')
  http.on('upgrade', (request, ...rest) => {
    delete request.headers.origin
    upgrade?.(request, ...rest)
  })
  await tidings.ready
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    await tidings.close({ drainMs: 100 })
    http.closeAllConnections()
    http.close()
  })
  const { port } = http.address() as AddressInfo
  return { port, url: `ws://127.0.0.1:${port}/ws`, fail: () => void (isWell = false) }
}

const attack = (url: string, only: readonly string[], more: Partial<AttackOptions> = {}): Promise<AttackReport> =>
  runAttacks({ url, only, scale: 'small', seed: 1, ...more })

const outcomes = ({ rows }: AttackReport): Readonly<Record<string, string>> =>
  Object.fromEntries(rows.map(({ attack: { name }, outcome }) => [name, outcome]))

const signing = { algorithm: 'HS256', key: 's'.repeat(32), kid: 'hs', audience: 'a', issuer: 'i' } as const

describe('attacks on a node that lets everybody do everything', () => {
  const names = [
    'cross-site-hijack',
    'opaque-origins',
    'forwarded-limits',
    'dns-rebinding',
    'none-algorithm',
    'hs-rs-confusion',
    'swapped-key',
    'kid-tricks',
    'expired-token',
    'not-yet-valid-token',
    'wrong-audience',
    'wrong-issuer',
    'prototype-claims',
    'malleable-token',
    'refreshed-session',
    'more-segments',
    'publication-id-of-another',
    'huge-presence-data',
    'presence-everywhere',
    'subscribe-flood',
    'history-pages',
    'pipelined-requests',
    'reconnecting',
    'failed-tokens',
    'key-comparison-timing',
  ]

  it.each(names)('report that %s came through', async (name) => {
    const { url } = await permissive()
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString()
    const report = await attack(url, [name], { signing, publicKeys: [pem], proxiedConnections: 10 })
    expect(outcomes(report)).toEqual({ [name]: 'failed' })
    expect(report).toMatchObject({ failed: 1, refused: 0 })
    expect(report.rows[0]?.why.length).toBeGreaterThan(0)
    expect(attackTable(report).join('\n')).toContain(`${name} FAILED`)
  })

  it('do not report pages of other names where the node knows its own', async () => {
    const node = await startNode({
      ...{ contract, backend: memory(), authenticate: () => null, allow: { '{all...}': everything } },
      hosts: ['127.0.0.1'],
    })
    onTestFinished(() => node.close())
    const report = await attack(node.url, ['dns-rebinding'])
    expect(outcomes(report)).toEqual({ 'dns-rebinding': 'refused' })
    expect(report.rows[0]?.answers).toEqual(['403 foreign-origin'])
  })

  it('do not count as refused what its rules make pointless', async () => {
    const { url } = await permissive()
    const report = await attack(url, ['percent-escapes', 'missing-token', 'deflate-bomb'], { signing })
    expect(outcomes(report)).toEqual({
      'percent-escapes': 'not tried',
      'missing-token': 'not tried',
      'deflate-bomb': 'not tried',
    })
  })
})

describe('attacks report', () => {
  it('a node that is not well afterwards', async () => {
    const node = await permissive()
    node.fail()
    const report = await attack(node.url, ['path-tricks'])
    expect(report.rows).toMatchObject([{ outcome: 'failed', isHealthy: false }])
    expect(report.rows[0]?.why).toEqual(['the node is not healthy: status 503'])
  })

  it('a bystander who was cut off, and go on with another one', async () => {
    const node = await permissive()
    const proxy = await FaultProxy.listen({ targetPort: node.port })
    onTestFinished(() => proxy.close())
    const url = `ws://127.0.0.1:${proxy.port}/ws`
    const report = await attack(url, ['path-tricks', 'prototype-names', 'msgpack-claims'], {
      onRow: ({ attack: { name } }) => {
        if (name === 'path-tricks') proxy.resetAll()
      },
    })
    expect(report.rows.map(({ outcome }) => outcome)).toEqual(['refused', 'failed', 'refused'])
    expect(report.rows[1]?.why.join()).toContain('bystander: the publisher was closed with 1006')
  })

  it('a bystander whose publications are refused', async () => {
    const { url } = await permissive({ limits: { publishesPerSecond: 1, publishBurst: 20 } })
    const report = await attack(url, ['path-tricks'])
    expect(report.rows[0]?.outcome).toBe('failed')
    expect(report.rows[0]?.why).toContain('bystander: the publisher was answered rate-limited')
  })

  it('a bystander who sees something else than was published', async () => {
    const validate = (value: unknown) => ({ value: value === 20 ? 19 : value })
    const schema = { '~standard': { version: 1, vendor: 'test', validate } } as const
    const changing = defineContract({ 'chat:{room}': channel({ data: schema }) })
    const allowed = { 'chat:{room}': { subscribe: true, publish: true } }
    const node = await startNode({
      contract: changing,
      allow: allowed,
      backend: memory(),
      authenticate: () => ({ id: 'a' }),
    })
    onTestFinished(() => node.close())
    const report = await attack(node.url, ['msgpack-claims'])
    expect(report.rows[0]?.why).toContain('bystander: publication 19 came in the place of 20')
  })
})

describe('attacks are refused beforehand', () => {
  it.each([
    'ws://192.0.2.1/ws',
    'wss://example.com/ws',
    'ws://localhost.example.com/ws',
    'ws://127.0.0.1@example.com/ws',
  ])('on %s, which is not this machine', async (url) => {
    await expect(runAttacks({ url })).rejects.toThrow(/is not this machine/)
  })

  it('on what is no WebSocket, by a name that none has, and with a pattern of two parameters', async () => {
    await expect(runAttacks({ url: 'http://127.0.0.1/' })).rejects.toThrow(RangeError)
    await expect(runAttacks({ url: 'ws://127.0.0.1/', only: ['dance'] })).rejects.toThrow('there is no attack dance')
    await expect(runAttacks({ url: 'ws://127.0.0.1/', pattern: '{a}:{b}' })).rejects.toThrow(RangeError)
  })

  it('on a node that does not let a good client in', async () => {
    const { url } = await permissive({ authenticate: () => false })
    await expect(runAttacks({ url })).rejects.toThrow(/does not let a user in .*unauthorized/)
  })
})
