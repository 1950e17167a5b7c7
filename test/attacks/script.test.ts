import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { memory } from '@tidings/server/memory'
import { type LocalNode, startNode } from '@tidings/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const SCRIPT = resolve(import.meta.dirname, '../../scripts/attack.mjs')

interface Ended {
  readonly code: number | string | null | undefined
  readonly stdout: string
  readonly stderr: string
}

const run = (...args: readonly string[]): Promise<Ended> =>
  new Promise((done) => {
    const child = execFile(process.execPath, [SCRIPT, '--quick', '--seed', '1', ...args], (error, stdout, stderr) => {
      done({ code: error === null ? 0 : error.code, stdout, stderr })
    })
    child.stdin?.end()
  })

describe('npm run attack', () => {
  let node: LocalNode<never>
  beforeAll(async () => {
    node = await startNode<never>({ backend: memory(), dev: true })
  })
  afterAll(() => node.close())

  it('starts nodes of its own, and prints a table with the count as its last line', async () => {
    const { code, stdout } = await run('--only', 'path-tricks', '--only', 'unfinished-tls')
    expect(stdout).toMatch(/^path-tricks +404 not-found +refused .* healthy$/m)
    expect(stdout).toContain('unfinished-tls was not tried: the address has no TLS\n')
    expect(stdout).toContain('seed: 1\n1 refused as they should be, 0 failed, 1 not tried\n')
    expect(code).toBe(0)
  })

  it('takes the address of a node', async () => {
    const { code, stdout } = await run('--url', node.url, '--only', 'dns-rebinding', '--only', 'none-algorithm')
    expect(stdout).toMatch(/^dns-rebinding +403 dev-foreign-host +refused /m)
    expect(stdout).toContain('none-algorithm was not tried: under the dev profile tokens are plain names\n')
    expect(code).toBe(0)
  })

  it('ends with 1 when an attack has failed', async () => {
    const health = `http://127.0.0.1:${node.port}/healthz`
    const { code, stdout } = await run(
      '--url',
      node.url,
      '--only',
      'path-tricks',
      '--health',
      health.replace(':', 's:'),
    )
    expect(stdout).toContain('path-tricks FAILED')
    expect(stdout.trimEnd()).toMatch(/0 refused as they should be, 1 failed, 0 not tried$/)
    expect(code).toBe(1)
  })

  it('ends with 2 and a sentence for a node on another machine', async () => {
    const { code, stderr } = await run('--url', 'ws://192.0.2.1/ws')
    expect(stderr).toBe('192.0.2.1 is not this machine: attack only what is yours, and say so\n')
    expect(code).toBe(2)
  })
})
