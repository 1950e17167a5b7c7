/**
 * Clients of the SDK with its own waits between attempts, each subscribed to one channel, in one process on the load's core.
 * Its options are JSON in the first argument. It prints a line of JSON when all are live, when all have come back after
 * their server went, and when all have the last publication; it ends with its standard input.
 */
import { createClient } from '@tidings/client'
import { WebSocket } from 'ws'

/** @type {unknown} */
const parsed = JSON.parse(process.argv[2] ?? '{}')
const { port, clients, channel, publications } = /** @type {import('../run/crowd.mjs').CrowdOptions} */ (parsed)

const OPENING_AT_ONCE = 500

/** @param {import('../run/crowd.mjs').CrowdLine} line */
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)

/** In milliseconds, by the clock that all processes of a machine share. */
const nowMs = () => Number(process.hrtime.bigint()) / 1e6

/** @type {number[]} */
const failedAtMs = []
let live = 0
let returned = 0
let lastLiveMs = 0
let complete = 0
let surplus = 0

/** @param {number} number @returns {Promise<void>} resolves once it is live */
const open = (number) =>
  new Promise((resolve) => {
    const client = createClient({ url: `ws://127.0.0.1:${port}/ws`, token: `member-${number}`, WebSocket })
    let wasConnected = false
    let wasLive = false
    let items = 0
    client.on('state', ({ state }) => {
      // An attempt that failed, and not a connection that ended.
      if (state === 'waiting' && !wasConnected) failedAtMs.push(nowMs())
      wasConnected = state === 'connected'
    })
    const subscription = client.channel(channel).subscribe()
    subscription.on('item', (item) => {
      items += 1
      if (item.kind === 'gap' || items > publications) surplus += 1
      else if (items === publications) complete += 1
      if (complete === clients) say({ kind: 'complete', surplus })
    })
    subscription.on('state', ({ state }) => {
      if (state !== 'live') return
      lastLiveMs = nowMs()
      if (wasLive) returned += 1
      else live += 1
      wasLive = true
      if (returned === clients) say({ kind: 'back', lastLiveMs, failedAtMs })
      resolve()
    })
  })

process.stdin.on('end', () => process.exit(0)).resume()
while (live < clients) {
  const numbers = Array.from({ length: Math.min(OPENING_AT_ONCE, clients - live) }, (_, index) => live + index)
  await Promise.all(numbers.map(open))
}
say({ kind: 'live' })
