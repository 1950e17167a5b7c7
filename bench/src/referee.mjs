/**
 * Compares the load generator with an independent one, on the same servers, in turn: `--referee FILE.c`. The other takes the
 * options of `fanload`: a closed loop of publications with a marker, and one line of JSON with `deliveries_per_s` and `lost`
 * counted from `delivered` and `expected`.
 */
import { execFile, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { bun } from './peers/bun.mjs'
import { batchLimit } from './peers/kernel.mjs'
import { socketIo } from './peers/socket-io.mjs'
import { tidings } from './peers/tidings.mjs'
import { ws } from './peers/ws.mjs'
import { onLoadCore } from './run/cores.mjs'
import { CACHE } from './run/paths.mjs'
import { median } from './run/statistics.mjs'
import { helloTo, sampleOf, TEXT } from './scenarios/measure.mjs'

const SUBSCRIBERS = 1000
const WINDOW = 16
const SECONDS = 2
const TOLERANCE = 0.1
const run = promisify(execFile)

/** @param {string} source @returns {string} the program */
const build = (source) => {
  mkdirSync(CACHE, { recursive: true })
  const program = join(CACHE, 'referee')
  const { status, stderr } = spawnSync('cc', ['-O2', '-w', '-o', program, source], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${source} cannot be built:\n${stderr}`)
  return program
}

/** @param {import('./types.js').Peer} peer @param {import('./types.js').Served} served @param {string} channel */
const ours = async ({ wire }, served, channel) => {
  const sample = await sampleOf({
    ...{ wire, served, connections: SUBSCRIBERS, channelsEach: 1, window: WINDOW, seconds: SECONDS },
    hello: helloTo(wire, channel),
    publish: [{ topics: [0], frames: [wire.publish(channel, TEXT)] }],
  })
  if (!sample.ok) throw new Error(sample.reason)
  return sample.figures.deliveriesPerSecond ?? Number.NaN
}

/** @param {string} program @param {import('./types.js').Peer} peer @param {import('./types.js').Served} served @param {string} channel */
const theirs = async (program, { wire }, { port }, channel) => {
  const [file, ...words] = onLoadCore([
    ...[program, '--port', String(port), '--path', wire.path, '--conns', String(SUBSCRIBERS)],
    ...(wire.subprotocol === undefined ? [] : ['--subprotocol', wire.subprotocol]),
    ...wire.hello([channel], { present: true }).flatMap((frame) => ['--init', frame]),
    ...(wire.ready === undefined ? [] : ['--init-wait', wire.ready.text]),
    ...['--pub', wire.publish(channel, TEXT), '--window', String(WINDOW), '--seconds', String(SECONDS)],
  ])
  const { stdout } = await run(file, words)
  /** @type {unknown} */
  const parsed = JSON.parse(stdout)
  return /** @type {{ readonly deliveries_per_s: number }} */ (parsed).deliveries_per_s
}

/** @param {string} source @param {number} rounds @returns {Promise<boolean>} whether the two agree on every peer */
export const compareWithReferee = async (source, rounds) => {
  const program = build(source)
  let agree = true
  for (const peer of [tidings, bun, ws, socketIo, batchLimit]) {
    const absence = await peer.absence({ quick: true })
    if (absence !== undefined) {
      console.log(`absent: ${peer.title}: ${absence}`)
      continue
    }
    const seen = { ours: /** @type {number[]} */ ([]), theirs: /** @type {number[]} */ ([]) }
    for (let round = 0; round < rounds; round += 1) {
      const served = await peer.start({})
      const sums = { ours: 0, theirs: 0 }
      /** @type {('ours' | 'theirs')[]} */
      const pair = round % 2 === 0 ? ['ours', 'theirs'] : ['theirs', 'ours']
      try {
        // There and back: a machine that gets slower or faster meanwhile favours neither.
        for (const [turn, whose] of [...pair, ...pair.toReversed()].entries()) {
          // One of its own: all number their publications from the beginning, and ids are remembered.
          const channel = `chat:turn-${turn}`
          sums[whose] += await (whose === 'ours' ? ours(peer, served, channel) : theirs(program, peer, served, channel))
        }
      } finally {
        await served.stop()
      }
      seen.ours.push(sums.ours / 2)
      seen.theirs.push(sums.theirs / 2)
    }
    const [own, other] = [median(seen.ours), median(seen.theirs)]
    // Servers that were started alike still differ; what each made of the same one is compared.
    const ratio = median(seen.ours.map((figure, round) => figure / (seen.theirs[round] ?? Number.NaN)))
    const isClose = Math.abs(ratio - 1) <= TOLERANCE
    agree &&= isClose
    const figures = `${Math.round(own).toLocaleString('en-US')} and ${Math.round(other).toLocaleString('en-US')}`
    console.log(`${isClose ? 'agree   ' : 'DISAGREE'}  ${peer.title}: ${figures} deliveries/s, ${ratio.toFixed(3)}x`)
  }
  return agree
}
