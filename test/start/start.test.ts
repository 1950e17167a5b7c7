import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'

const ROOT = resolve(import.meta.dirname, '../..')
const START = resolve(ROOT, 'scripts/start.mjs')

let data: string
let started: ChildProcess | undefined

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'tidings-start-'))
})

afterEach(async () => {
  if (started?.exitCode === null && started.signalCode === null) {
    started.kill('SIGKILL')
    await once(started, 'exit')
  }
  await rm(data, { recursive: true, force: true })
})

/** Runs `npm start -- …` without npm; resolves to the first address it prints, and everything it printed until then. */
const start = async (...options: readonly string[]): Promise<{ readonly address: URL; readonly printed: string }> => {
  const child = spawn(process.execPath, [START, '--port', '0', '--data', data, ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  started = child
  let printed = ''
  child.stderr.on('data', (bytes: Buffer) => (printed += bytes.toString()))
  for await (const line of createInterface({ input: child.stdout })) {
    printed += `${line}\n`
    const address = /http:\/\/127\.0\.0\.1:\d+\S*/.exec(line)?.[0]
    if (address !== undefined) return { address: new URL(address), printed }
  }
  throw new Error(`it ended without an address:\n${printed}`)
}

const stop = async (signal: NodeJS.Signals): Promise<unknown> => {
  if (started === undefined) throw new Error('not started')
  const exit = once(started, 'exit')
  started.kill(signal)
  return (await exit)[0]
}

describe('npm start', () => {
  it('serves the chat room, its health and the WebSocket, and keeps its data in the folder it is told', async () => {
    const { address } = await start()
    const page = await fetch(new URL('/', address))
    expect(page.status).toBe(200)
    expect(await page.text()).toContain('<script')
    expect((await fetch(new URL('/healthz', address))).status).toBe(200)
    const socket = new WebSocket(`ws://${address.host}/ws`, ['tidings.v1.json'])
    await once(socket, 'open')
    socket.terminate()
    expect(await readdir(data)).not.toEqual([])
  })

  it('ends cleanly at SIGTERM and at SIGINT', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      await start()
      expect([0, 130, 143]).toContain(await stop(signal))
    }
  })

  it('ends when only npm is told to', async () => {
    const options = ['start', '--', '--port', '0', '--data', data]
    const npm = spawn('npm', options, { cwd: ROOT, stdio: ['ignore', 'pipe', 'ignore'] })
    started = npm
    let address: string | undefined
    for await (const line of createInterface({ input: npm.stdout })) {
      address ??= /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0]
      if (address !== undefined) break
    }
    const exit = once(npm, 'exit')
    npm.kill('SIGTERM')
    await exit
    await vi.waitFor(() => expect(fetch(`${address}/healthz`)).rejects.toThrow(), { timeout: 10_000 })
  })

  it('passes options on, and the exit code of a wrong one back', async () => {
    const child = spawn(process.execPath, [START, '--no-such-option'], { stdio: 'ignore' })
    started = child
    const [code] = (await once(child, 'exit')) as [number | null]
    expect(code).toBe(2)
  })
})
