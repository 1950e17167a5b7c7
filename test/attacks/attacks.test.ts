import { join, resolve } from 'node:path'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { type AttackedNode, type AttackReport, ATTACKS, runAttacks, startAttackedNode } from '@tidings/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makePair, writePair } from '../certificates/certificates.js'

const program = [process.execPath, resolve(import.meta.dirname, '../../packages/cli/bin/tidings.js')] as const
const SEED = 20_261_124

/** They wait for deadlines of the node: ten seconds each, so all at once. */
const WAITING = ['unfinished-handshakes', 'slow-headers', 'silent-sessions', 'unfinished-tls']
const OF_PROXIED = ['forwarded-limits']
const OF_DEV = ['dns-rebinding-of-health', 'forwarded-to-dev']

/** What went wrong, by attack: nothing, when every answer was expected, the node well and the bystander complete. */
const failuresOf = ({ rows }: AttackReport): Readonly<Record<string, readonly string[]>> =>
  Object.fromEntries(rows.filter(({ outcome }) => outcome === 'failed').map(({ attack, why }) => [attack.name, why]))

const notTried = ({ rows }: AttackReport): readonly string[] =>
  rows.filter(({ outcome }) => outcome === 'not tried').map(({ attack }) => attack.name)

const attack = (node: AttackedNode, only: readonly string[]): Promise<AttackReport> =>
  runAttacks({ ...node.target, only, scale: 'small', seed: SEED })

const refusesAll = async (node: AttackedNode, only: readonly string[]): Promise<void> => {
  const report = await attack(node, only)
  expect(failuresOf(report)).toEqual({})
  expect(notTried(report)).toEqual([])
  expect(report.refused).toBe(only.length)
}

describe('a node with keys and rules', () => {
  let node: AttackedNode
  beforeAll(async () => {
    node = await startAttackedNode({ program, profile: 'tokens' })
  })
  afterAll(() => node.stop())

  const elsewhere = [...WAITING, ...OF_DEV, ...OF_PROXIED]
  const at = ATTACKS.map(({ name }) => name).filter((name) => !elsewhere.includes(name))

  it.each(at)('refuses %s, is well, and a bystander misses nothing', (name) => refusesAll(node, [name]))

  it('ends whatever never goes on, and others get in meanwhile', async () => {
    const names = WAITING.filter((name) => name !== 'unfinished-tls')
    await Promise.all(names.map((name) => refusesAll(node, [name])))
  })

  it('is not said to refuse what could not be tried', async () => {
    const report = await attack(node, [...OF_DEV, ...OF_PROXIED, 'unfinished-tls'])
    expect(notTried(report)).toEqual([...OF_DEV, ...OF_PROXIED, 'unfinished-tls'])
    expect(report).toMatchObject({ refused: 0, failed: 0, notTried: 4 })
    for (const { why } of report.rows) expect(why).toHaveLength(1)
  })

  it('has not ended, and logged no error', () => {
    expect(node.process.output).not.toContain('"level":"error"')
  })
})

describe('a node behind a proxy on its machine', () => {
  it('counts whoever comes through the proxy, whatever headers they bring', async () => {
    const node = await startAttackedNode({ program, profile: 'proxied' })
    try {
      await refusesAll(node, OF_PROXIED)
    } finally {
      await node.stop()
    }
  })
})

describe('a node of the dev profile', () => {
  it('refuses other hosts, other pages and what was forwarded', async () => {
    const node = await startAttackedNode({ program, profile: 'dev' })
    try {
      await refusesAll(node, ['cross-site-hijack', 'opaque-origins', 'dns-rebinding', ...OF_DEV, 'path-tricks'])
    } finally {
      await node.stop()
    }
  })
})

describe('a node with TLS', () => {
  it('refuses the same over TLS, and ends handshakes of TLS that never do', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'tidings-attacked-tls-'))
    const pair = await makePair()
    const node = await startAttackedNode({
      program,
      profile: 'tokens',
      tls: { ...(await writePair(dir, pair)), ca: pair.cert },
    })
    try {
      await refusesAll(node, [
        'unfinished-tls',
        'cross-site-hijack',
        'none-algorithm',
        'malformed-frames',
        'fuzz-handshake',
      ])
    } finally {
      await node.stop()
      await rm(dir, { recursive: true })
    }
  })
})
