// 200 subscribers stop reading while 200 MB go through their channel: what the server's memory does, what a healthy
// subscriber notices, and whether all are complete once they read again. `npm run figure:slow-readers`
import { RawClient } from '@tidings/testing'
import { CountingSocket, memoryOf, percentile, startNode } from './node.mjs'

const READERS = Number(process.env.READERS ?? 200)
const PUBLICATIONS = Number(process.env.PUBS ?? 10_000)
const PAYLOAD_BYTES = 20_000
const IN_FLIGHT = 8
const READ_AT_FIRST = 10
const MARKER = '"offset":'

const subscribeFrame = JSON.stringify([
  { type: 'connect', id: 1 },
  { type: 'subscribe', id: 2, channel: 'big:a' },
])

/** @param {boolean} withReaders */
const run = async (withReaders) => {
  const { node, port, url, stop } = await startNode({})
  const healthy = await RawClient.open(url)
  await healthy.request({ type: 'subscribe', channel: 'big:a' })
  const publishers = await Promise.all(Array.from({ length: IN_FLIGHT }, () => RawClient.open(url)))
  const readers = withReaders
    ? Array.from({ length: READERS }, () => new CountingSocket(port, [subscribeFrame], MARKER))
    : []
  await Promise.all(readers.map((reader) => new Promise((resolve) => reader.socket.once('data', resolve))))
  while (!(await isServed(port, readers.length + IN_FLIGHT + 1)))
    await new Promise((resolve) => setTimeout(resolve, 50))
  const data = 'x'.repeat(PAYLOAD_BYTES)
  // They read like everybody at first, and then stop.
  for (let index = 0; index < READ_AT_FIRST; index++) {
    await publishers[0]?.request({ type: 'publish', channel: 'big:a', data })
  }
  await Promise.all(readers.map((reader) => reader.reaches(READ_AT_FIRST)))
  await new Promise((resolve) => setTimeout(resolve, 500))
  for (const { socket } of readers) socket.pause()

  /** @type {Map<number, number>} */
  const sentAt = new Map()
  /** @type {number[]} */
  const latencies = []
  healthy.socket.on('message', (/** @type {Buffer} */ frame) => {
    const now = performance.now()
    const text = frame.toString('latin1')
    for (const match of text.matchAll(/"id":"n(\d+)"/g)) latencies.push(now - (sentAt.get(Number(match[1])) ?? now))
    healthy.received.length = 0
  })
  const before = memoryOf(node.pid)
  let peak = before
  const sampler = setInterval(() => {
    const now = memoryOf(node.pid)
    if (now.rssMib > peak.rssMib) peak = now
  }, 100)
  let next = 0
  /** @param {RawClient} publisher */
  const publish = async (publisher) => {
    while (next < PUBLICATIONS) {
      const index = next++
      sentAt.set(index, performance.now())
      const reply = await publisher.request({ type: 'publish', channel: 'big:a', data, publicationId: `n${index}` })
      if (reply.type !== 'published') throw new Error(JSON.stringify(reply))
      publisher.received.length = 0
    }
  }
  const started = performance.now()
  await Promise.all(publishers.map(publish))
  const publishSeconds = (performance.now() - started) / 1000
  clearInterval(sampler)
  let complete = 0
  let catchUpSeconds = 0
  if (withReaders) {
    const resumed = performance.now()
    for (const { socket } of readers) socket.resume()
    await Promise.all(
      readers.map((reader) => Promise.race([reader.reaches(READ_AT_FIRST + PUBLICATIONS), closed(reader)])),
    )
    catchUpSeconds = (performance.now() - resumed) / 1000
    complete = readers.filter(({ count }) => count === READ_AT_FIRST + PUBLICATIONS).length
    for (const { socket } of readers) socket.destroy()
  }
  await Promise.all([healthy, ...publishers].map((client) => client.close()))
  await stop()
  return {
    before,
    peak,
    publishSeconds,
    catchUpSeconds,
    complete,
    p99Ms: percentile(latencies, 0.99),
    seen: latencies.length,
  }
}

/** @param {number} port @param {number} sessions */
const isServed = async (port, sessions) => {
  const response = await fetch(`http://127.0.0.1:${port}/healthz`)
  /** @type {unknown} */
  const body = await response.json()
  const health = /** @type {{ sessions: number }} */ (body)
  return health.sessions >= sessions
}

/** @param {CountingSocket} reader @returns {Promise<void>} */
const closed = (reader) => new Promise((resolve) => reader.socket.once('close', () => resolve()))

const rounds = Number(process.argv[2] ?? 1)
for (let round = 1; round <= rounds; round++) {
  const without = await run(false)
  const withReaders = await run(true)
  const mib = ((PUBLICATIONS * PAYLOAD_BYTES) / 1e6).toFixed(0)
  console.log(`round ${round}: ${mib} MB through one channel, ${READERS} subscribers that stopped reading`)
  for (const [name, result] of Object.entries({ without, with: withReaders })) {
    const grownRss = (result.peak.rssMib - result.before.rssMib).toFixed(1)
    const grownAnonymous = (result.peak.anonymousMib - result.before.anonymousMib).toFixed(1)
    console.log(
      `  ${name.padEnd(8)} RSS +${grownRss} MiB (of it not mapped files: +${grownAnonymous} MiB), ` +
        `healthy p99 ${result.p99Ms.toFixed(1)} ms over ${result.seen} publications, publishing took ${result.publishSeconds.toFixed(1)} s`,
    )
  }
  console.log(
    `  complete after reading again: ${withReaders.complete} of ${READERS}, in ${withReaders.catchUpSeconds.toFixed(1)} s; ` +
      `p99 with / without: ${(withReaders.p99Ms / without.p99Ms).toFixed(2)}`,
  )
}
