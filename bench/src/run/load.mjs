/**
 * Runs the load generator on the load's core and gives what it measured.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { onAnyCore, onLoadCore } from './cores.mjs'
import { loadProgram } from './native.mjs'

/**
 * @typedef {object} Line
 * @property {readonly number[]} topics the channels, as numbers from 0: what accounts who should get what
 * @property {readonly string[]} frames
 * @property {number} [atUs] of a schedule
 */

/**
 * @typedef {object} LoadOptions
 * @property {import('../types.js').Wire} wire
 * @property {import('../types.js').Served} served
 * @property {number} connections
 * @property {number} [concurrency] connections that are opened at a time
 * @property {readonly Line[]} hello connection n sends line n modulo their number
 * @property {number} channelsEach of one connection
 * @property {readonly Line[]} [publish] publication n is line n modulo their number
 * @property {readonly Line[]} [schedule]
 * @property {number} [publishers]
 * @property {number} [window] publications in flight in all
 * @property {readonly number[]} [rates] publications a second, one after the other until the p99 passes `limitMs`
 * @property {number} [limitMs]
 * @property {number} [payloadBytes] of marker and filler. Default 64
 * @property {number} [seconds]
 * @property {number} [warmupSeconds]
 * @property {boolean} [echo] publications come back to their publisher alone
 * @property {boolean} [tls]
 * @property {boolean} [deflate]
 * @property {{ readonly text: string, readonly count: number }} [ready] in place of the wire's
 */

/** @param {string} frame */
const escaped = (frame) =>
  frame.replace(/[\\\t\n\r]/g, (at) => ({ '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' })[at] ?? at)

/** @param {string} path @param {readonly Line[]} lines */
const writeLines = (path, lines) => {
  const texts = lines.map(({ topics, frames, atUs }) =>
    [...(atUs === undefined ? [] : [String(atUs)]), topics.join(','), ...frames.map(escaped)].join('\t'),
  )
  writeFileSync(path, `${texts.join('\n')}\n`)
}

/** @param {string} name @param {string | number | undefined} value */
const option = (name, value) => (value === undefined ? [] : [`--${name}`, String(value)])

/** @param {LoadOptions} options @param {string} dir @returns {readonly string[]} */
const words = (options, dir) => {
  const { wire, served, hello, publish, schedule } = options
  const lines = { hello, publish, schedule }
  const files = Object.entries(lines).flatMap(([name, content]) => {
    if (content === undefined) return []
    writeLines(join(dir, name), content)
    return [`--${name}`, join(dir, name)]
  })
  const topics = 1 + hello.reduce((most, line) => Math.max(most, ...line.topics), 0)
  const ready =
    options.ready ??
    (wire.ready === undefined
      ? undefined
      : { text: wire.ready.text, count: wire.ready.each ? options.channelsEach : 1 })
  return [
    ...files,
    ...option('port', served.port),
    ...option('watch', served.pid),
    ...option('path', wire.path),
    ...option('subprotocol', wire.subprotocol),
    ...option('ping', wire.ping?.text),
    ...option('pong', wire.ping?.answer),
    ...option('ready', ready?.text),
    ...option('ready-count', ready?.count),
    ...option('topics', topics),
    ...option('connections', options.connections),
    ...option('concurrency', options.concurrency),
    ...option('publishers', options.publishers),
    ...option('window', options.window),
    ...option('rates', options.rates?.map((rate) => rate.toFixed(1)).join(',')),
    ...option('limit-ms', options.limitMs),
    ...option('payload', options.payloadBytes),
    ...option('seconds', options.seconds),
    ...option('warmup', options.warmupSeconds),
    ...(options.echo === true ? ['--echo'] : []),
    ...(options.tls === true ? ['--tls'] : []),
    ...(options.deflate === true ? ['--deflate'] : []),
  ]
}

/** @param {readonly string[]} given @param {import('../types.js').Served} served */
const start = (given, { isPinned }) => {
  const [file, ...rest] = (isPinned ? onLoadCore : onAnyCore)([loadProgram().path, ...given])
  const child = spawn(file, rest, { stdio: ['pipe', 'pipe', 'pipe'] })
  let complaint = ''
  child.stderr.on('data', (/** @type {Buffer} */ chunk) => {
    complaint += chunk.toString()
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const exited = once(child, 'exit')
  /** The next line of its output. @returns {Promise<unknown>} */
  const next = async () => {
    const line = await lines.next()
    if (line.done !== true) {
      /** @type {unknown} */
      const value = JSON.parse(line.value)
      return value
    }
    await exited
    throw new LoadError(complaint.trim() || 'the load generator ended without a result')
  }
  return { child, next, exited, complaint: () => complaint.trim() }
}

/** The load could not be run: the server refused or closed connections, or did not answer. */
export class LoadError extends Error {}

/**
 * Publishes as told; resolves with what the generator printed and what it complained about. Rejects with LoadError.
 * @param {LoadOptions} options
 * @returns {Promise<unknown>}
 */
export const runLoad = async (options) => {
  const dir = mkdtempSync(join(tmpdir(), 'tidings-load-'))
  try {
    const { child, next, exited, complaint } = start(words(options, dir), options.served)
    child.stdin.end()
    const result = await next()
    await exited
    if (complaint() !== '') console.error(complaint())
    return result
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/**
 * Connects and holds the connections until `release` is called. Rejects with LoadError.
 * @param {LoadOptions} options
 */
export const holdConnections = async (options) => {
  const dir = mkdtempSync(join(tmpdir(), 'tidings-load-'))
  try {
    const { child, next, exited } = start([...words(options, dir), '--hold'], options.served)
    const connects = /** @type {import('../types.js').Connects} */ (await next())
    const release = async () => {
      child.stdin.end()
      const held = /** @type {import('../types.js').Held} */ (await next())
      await exited
      return held
    }
    return { connects, release }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
