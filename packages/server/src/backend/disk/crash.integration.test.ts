import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { disk } from '@tidings/server/disk'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Backend, LogChannel, StoredPublication } from '../backend.js'

const channel: LogChannel = {
  name: 'chat:lobby',
  durability: 'disk',
  history: { maxCount: 1_000_000 },
  dedupeWindowMs: 600_000,
}

/** Publishes numbers from the one it is told, 64 at once, and prints each that was acknowledged with its position. */
const PUBLISHER = `
import { disk } from '@tidings/server/disk'
const [dir, channel, first] = process.argv.slice(1)
const backend = disk({ dir })
await backend.open((error) => { throw error })
const rules = JSON.parse(channel)
let next = Number(first)
const publish = async () => {
  for (;;) {
    const payload = String(next++)
    const { position } = await backend.log.publish(rules, { id: payload, scope: 's', publisher: null, payload })
    process.stdout.write(payload + ' ' + position + '\\n')
  }
}
await Promise.all(Array.from({ length: 64 }, publish))
`

let dir = ''
let child: ChildProcess | undefined
let backend: Backend | undefined

const startPublisher = (first: number): ChildProcess => {
  const args = ['--input-type=module', '-e', PUBLISHER, dir, JSON.stringify(channel), String(first)]
  child = spawn(process.execPath, args, { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] })
  return child
}

/** Lets it run until so many were acknowledged, kills it, and gives everything it had acknowledged. */
const killAfter = async (publisher: ChildProcess, count: number): Promise<Map<string, string>> => {
  const acknowledged = new Map<string, string>()
  if (publisher.stdout === null) throw new Error('the publisher has no output')
  const exited = once(publisher, 'exit')
  for await (const line of createInterface({ input: publisher.stdout })) {
    const [payload = '', position = ''] = line.split(' ')
    // The last line may have been cut off by the kill.
    if (position.includes(':')) acknowledged.set(payload, position)
    if (acknowledged.size === count) publisher.kill('SIGKILL')
  }
  await exited
  return acknowledged
}

const open = async (): Promise<Backend> => {
  backend = disk({ dir })
  await backend.open(() => undefined)
  return backend
}

const readAll = async ({ log }: Backend): Promise<StoredPublication[]> => {
  const publications: StoredPublication[] = []
  let from: string | undefined
  for (;;) {
    const start = from === undefined ? {} : { from }
    const page = await log.read(channel, { direction: 'forward', limit: 1000, maxBytes: 1e7, ...start })
    expect(page.gap).toBeNull()
    publications.push(...page.publications)
    if (!page.more) return publications
    from = page.end.position
  }
}

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tidings-crash-'))
})

afterEach(async () => {
  child?.kill('SIGKILL')
  await backend?.close()
  backend = undefined
  await rm(dir, { recursive: true, force: true })
})

describe('a node that is killed while it publishes', () => {
  it('keeps everything it acknowledged, once, at the position it said, over several kills', async () => {
    const acknowledged = new Map<string, string>()
    for (let round = 0; round < 4; round += 1) {
      const publisher = startPublisher(round * 100_000)
      for (const [payload, position] of await killAfter(publisher, 500 + round * 300)) {
        acknowledged.set(payload, position)
      }
    }
    const publications = await readAll(await open())
    const stored = new Map(publications.map(({ payload, position }) => [payload, position]))
    expect(stored.size).toBe(publications.length)
    expect(acknowledged.size).toBeGreaterThanOrEqual(500 + 800 + 1100 + 1400)
    for (const [payload, position] of acknowledged) expect(stored.get(payload)).toBe(position)
    expect(publications.map(({ offset }) => offset)).toEqual(publications.map((_, index) => index + 1))
  })

  it('publishes nothing twice when its client retries what was not acknowledged', async () => {
    const acknowledged = await killAfter(startPublisher(0), 700)
    const { log } = await open()
    for (let number = 0; number < 900; number += 1) {
      const payload = String(number)
      const result = await log.publish(channel, { id: payload, scope: 's', publisher: null, payload })
      const position = acknowledged.get(payload)
      if (position !== undefined) expect(result).toMatchObject({ position, duplicate: true })
    }
    const payloads = (await readAll(await reopened())).map(({ payload }) => Number(payload))
    expect(payloads.toSorted((one, other) => one - other).slice(0, 900)).toEqual(
      Array.from({ length: 900 }, (_, number) => number),
    )
    expect(new Set(payloads).size).toBe(payloads.length)
  })

  it('has its directory to itself while it lives, and leaves no lock when it is killed', async () => {
    const publisher = startPublisher(0)
    const killed = killAfter(publisher, Infinity)
    if (publisher.stdout === null) throw new Error('the publisher has no output')
    await once(publisher.stdout, 'data')
    await expect(open()).rejects.toThrow(`is in use by process ${publisher.pid}: stop that one`)
    publisher.kill('SIGKILL')
    backend = undefined
    await killed
    await open()
  })

  it.runIf(process.platform === 'linux')('keeps out a process of another container with its number', async () => {
    // The first process of each namespace has the number 1, as in containers.
    const inContainer = (): ChildProcess => {
      const args = ['--input-type=module', '-e', PUBLISHER, dir, JSON.stringify(channel), '0']
      const command = ['-Urpf', '--kill-child', process.execPath, ...args]
      return spawn('unshare', command, { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'pipe'] })
    }
    const owner = inContainer()
    child = owner
    if (owner.stdout === null) throw new Error('the publisher has no output')
    await once(owner.stdout, 'data')
    owner.stdout.resume()
    const other = inContainer()
    let said = ''
    other.stderr?.on('data', (text: Buffer) => (said += text.toString()))
    expect((await once(other, 'exit'))[0]).toBe(1)
    expect(said).toContain(
      'is in use by a process with the same number (1), probably in another container: stop that one',
    )
    owner.kill('SIGKILL')
    await once(owner, 'exit')
    await open()
  })
})

const reopened = async (): Promise<Backend> => {
  await backend?.close()
  return open()
}
