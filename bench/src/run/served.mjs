/**
 * Servers as processes of their own, on the server's core.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { onAnyCore, onServerCore } from './cores.mjs'
import { SERVERS } from './paths.mjs'
import { profiledInto, profileLines } from './profile.mjs'

const START_DEADLINE_MS = 20_000
const RETRY_MS = 10
const OUTPUT_LIMIT = 4000

/** What servers of ours print once they serve. */
export const LISTENING = /listening on (\d+)/

/** @typedef {import('../types.js').Served} Served */

/** Every server that still runs: none outlives the bench. @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set()

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** @type {((line: string) => void) | undefined} */
let sayProfile

/** From now on servers of Node are profiled, and where their time went is said when they stop. @param {(line: string) => void} say */
export const profileServers = (say) => {
  sayProfile = say
}

/** A server that did not come up. */
export class ServeError extends Error {}

/** A folder that is gone when the server is. */
export const makeFolder = () => mkdtempSync(join(tmpdir(), 'tidings-bench-'))

/**
 * Starts a server and waits until it prints where it listens.
 * @param {readonly string[]} command
 * @param {object} how
 * @param {RegExp} how.listening matches its output once it serves; the first group is its port
 * @param {string} [how.dir] its folder, removed after it
 * @param {Readonly<Record<string, string>>} [how.env]
 * @param {boolean} [how.isPinned] false: it may use every core. Default true
 * @returns {Promise<Served>} rejects when it ends or says nothing in time
 */
export const serve = async (command, { listening, dir, env = {}, isPinned = true }) => {
  const [file, ...words] = (isPinned ? onServerCore : onAnyCore)(command)
  const profile =
    sayProfile !== undefined && command[0] === process.execPath ? join(makeFolder(), 'profile') : undefined
  const profiling = profile === undefined ? {} : profiledInto(profile)
  const child = spawn(file, words, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env, ...profiling } })
  running.add(child)
  let output = ''
  const exited = once(child, 'exit').then(() => {
    running.delete(child)
  })
  const quit = async () => {
    child.kill('SIGTERM')
    await exited
  }
  const stop = async () => {
    // Nothing of it is needed any more, and goodbyes to thousands take their time.
    child.kill(profile === undefined ? 'SIGKILL' : 'SIGUSR2')
    await exited
    if (profile !== undefined) {
      for (const line of profileLines(profile)) sayProfile?.(line)
      rmSync(dirname(profile), { recursive: true })
    }
    if (dir !== undefined) rmSync(dir, { recursive: true, force: true })
  }
  /** @type {Promise<number>} */
  const listens = new Promise((resolve, reject) => {
    const fail = () => reject(new ServeError(`${command.join(' ')} does not serve: ${output.trim()}`))
    const timer = setTimeout(fail, START_DEADLINE_MS)
    const look = (/** @type {Buffer} */ chunk) => {
      if (output.length < OUTPUT_LIMIT) output += chunk.toString()
      const port = listening.exec(output)?.[1]
      if (port === undefined) return
      clearTimeout(timer)
      resolve(Number(port))
    }
    child.stdout.on('data', look)
    child.stderr.on('data', look)
    child.once('error', reject)
    void exited.then(() => {
      clearTimeout(timer)
      fail()
    })
  })
  try {
    const port = await listens
    await accepts(port)
    if (child.pid === undefined) throw new Error('a server without a process')
    return { isPinned, pid: child.pid, port, dir, quit, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/**
 * Starts one of the servers in `servers/` with Node.
 * @param {string} script
 * @param {object} [options] what it finds as its first argument, in JSON
 */
export const serveScript = (script, options = {}) =>
  serve([process.execPath, join(SERVERS, script), JSON.stringify(options)], { listening: LISTENING })

/** Resolves once something listens: some say so before they do. @param {number} port */
const accepts = async (port) => {
  const untilMs = performance.now() + START_DEADLINE_MS
  while (performance.now() < untilMs) {
    const socket = connect(port, '127.0.0.1')
    /** @type {Promise<boolean>} */
    const opens = new Promise((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    })
    const open = await opens
    socket.destroy()
    if (open) return
    await sleep(RETRY_MS)
  }
  throw new ServeError(`nothing listens on port ${port}`)
}

/** A port that is free now, for servers that cannot take any. @returns {Promise<number>} */
export const freePort = async () => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
