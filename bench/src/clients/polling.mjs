/**
 * Clients that ask once a second, over a kept connection each, with what a browser's request says about itself; and one that
 * says lines. A process of its own on the load's core: its options are JSON in the first argument, its result JSON.
 */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'

/**
 * @typedef {object} Options
 * @property {number} port
 * @property {number} pid of the server
 * @property {number} clients
 * @property {number} intervalMs
 * @property {number} seconds
 * @property {readonly string[]} lines said one after the other; `%m` is where the time goes
 * @property {number} linesPerSecond
 */

/** @type {unknown} */
const parsed = JSON.parse(process.argv[2] ?? '{}')
const { port, pid, clients, intervalMs, seconds, lines, linesPerSecond } = /** @type {Options} */ (parsed)

const HEADERS =
  `Host: 127.0.0.1:${port}\r\nConnection: keep-alive\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n` +
  'Accept-Language: en-US,en;q=0.9\r\nSec-Fetch-Dest: empty\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-origin\r\n' +
  'User-Agent: Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n'
const TICKS_PER_SECOND = 100
const SETTLE_MS = 1000

/** What the server's process used so far, in seconds. */
const cpuSeconds = () => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

let said = 0
let delivered = 0
let requests = 0
/** @type {number[]} */
const delaysMs = []

/** A connection with one request under way at most. */
class Poller {
  /** @type {import('node:net').Socket} */
  socket = connect(port, '127.0.0.1')
  last = 0
  received = 0
  #text = ''

  constructor() {
    this.socket.setNoDelay(true)
    this.socket.on('data', (/** @type {Buffer} */ chunk) => this.#take(chunk))
    this.socket.on('error', (error) => {
      console.error(error.message)
      process.exit(1)
    })
  }

  ask() {
    requests += 1
    this.socket.write(`GET /lines?after=${this.last} HTTP/1.1\r\n${HEADERS}\r\n`)
  }

  /** @param {Buffer} chunk */
  #take(chunk) {
    this.#text += chunk.toString('latin1')
    const end = this.#text.indexOf('\r\n\r\n')
    const length = Number(/content-length: (\d+)/i.exec(this.#text)?.[1] ?? 0)
    if (end === -1 || this.#text.length < end + 4 + length) return
    const body = this.#text.slice(end + 4)
    this.#text = ''
    const now = process.hrtime.bigint()
    this.last = Number(/^\{"last":(\d+)/.exec(body)?.[1] ?? this.last)
    for (const [, sentNs = '0'] of body.matchAll(/~(\d+)!/g)) {
      delivered += 1
      this.received += 1
      delaysMs.push(Number(now - BigInt(sentNs)) / 1e6)
    }
  }
}

/** @param {import('node:net').Socket} socket */
const say = (socket) => {
  const body = (lines[said % lines.length] ?? '').replace('%m', `~${process.hrtime.bigint()}!`)
  said += 1
  socket.write(`POST /lines HTTP/1.1\r\n${HEADERS}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
}

/** @param {number} ms @returns {Promise<void>} */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

const speaker = connect(port, '127.0.0.1')
speaker.on('data', () => undefined)
const pollers = Array.from({ length: clients }, () => new Poller())
await Promise.all(pollers.map(({ socket }) => new Promise((resolve) => socket.once('connect', resolve))))
const bytes = () => pollers.reduce((sum, { socket }) => sum + socket.bytesRead + socket.bytesWritten, 0)

const timers = pollers.map((poller, index) =>
  setTimeout(
    () => {
      poller.ask()
      timers[index] = setInterval(() => poller.ask(), intervalMs)
    },
    (index * intervalMs) / clients,
  ),
)
await pause(intervalMs)
const before = { cpu: cpuSeconds(), bytes: bytes(), requests, atMs: performance.now() }
const speaking = setInterval(() => say(speaker), 1000 / linesPerSecond)
await pause(seconds * 1000)
const cpu = cpuSeconds() - before.cpu
const windowSeconds = (performance.now() - before.atMs) / 1000
const [usedBytes, usedRequests, inWindow] = [bytes() - before.bytes, requests - before.requests, delivered]
clearInterval(speaking)
await pause(intervalMs + SETTLE_MS)

delaysMs.sort((a, b) => a - b)
/** @param {number} fraction */
const percentile = (fraction) => delaysMs[Math.floor(delaysMs.length * fraction)] ?? Number.NaN
const lost = pollers.reduce((sum, { received }) => sum + Math.max(0, said - received), 0)
const extra = pollers.reduce((sum, { received }) => sum + Math.max(0, received - said), 0)
console.log(
  JSON.stringify({
    ...{ lost, extra, delivered, expected: said * clients, windowSeconds, inWindow },
    ...{ requests: usedRequests, bytes: usedBytes, cpuSeconds: cpu, p50Ms: percentile(0.5), p99Ms: percentile(0.99) },
  }),
)
process.exit(0)
