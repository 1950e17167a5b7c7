import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { tidings } from '../peers/tidings.mjs'
import { Bystander } from '../run/bystander.mjs'
import { Crowd } from '../run/crowd.mjs'
import { freePort, makeFolder } from '../run/served.mjs'
import { sampled } from './measure.mjs'

const CHANNEL = 'chat:lobby'
const LIMIT_SECONDS = 10
const MS = 1000
const CALM_MS = 4 * MS

const nowMs = () => Number(process.hrtime.bigint()) / 1e6

/** @param {import('../types.js').Size} size @returns {import('../types.js').Scenario} */
export const restartScenario = ({ quick }) => {
  const clients = quick ? 50 : 5000

  /** @param {number} downMs @returns {(peer: import('../types.js').Peer) => Promise<import('../types.js').Sample>} */
  const restart = (downMs) => async (peer) => {
    const dir = makeFolder()
    const start = async (/** @type {number} */ port) => {
      const served = await peer.start({ store: 'disk', dir, port })
      ends.push(() => served.stop())
      return served
    }
    /** @type {(() => unknown)[]} */
    const ends = []
    return sampled(async () => {
      const served = await start(await freePort())
      const { port } = served
      const crowd = new Crowd({ port, clients, channel: CHANNEL, publications: 2 })
      ends.push(() => crowd.end())
      const bystander = new Bystander(port)
      ends.push(() => bystander.end())
      await crowd.says('live')
      await bystander.publish(CHANNEL)
      const before = bystander.measure()
      await sleep(quick ? 0 : CALM_MS)
      const calmP99Ms = before.p99Ms()
      const goodbyeMs = nowMs()
      await served.quit()
      await sleep(downMs)
      await start(port)
      const upMs = nowMs()
      const storm = bystander.measure()
      const { lastLiveMs, failedAtMs } = await crowd.says('back')
      const p99Ms = storm.p99Ms()
      await bystander.publish(CHANNEL)
      const { surplus } = await crowd.says('complete')
      if (surplus > 0) return { ok: false, reason: `${surplus} gaps or publications too many` }
      const figures = {
        seconds: (lastLiveMs - upMs) / MS,
        allSeconds: (lastLiveMs - goodbyeMs) / MS,
        refusals: failedAtMs.length / clients,
        refusalsUp: failedAtMs.filter((atMs) => atMs > upMs).length / clients,
        ...(p99Ms !== undefined && { p99Ms }),
        ...(calmP99Ms !== undefined && { calmP99Ms }),
      }
      return { ok: true, figures }
    }).finally(async () => {
      for (const end of ends.reverse()) await end()
      rmSync(dir, { recursive: true, force: true })
    })
  }
  const { name, title } = tidings
  return {
    name: 'restart',
    title: 'the server restarts under 5,000 clients of the SDK, on disk',
    entrants: [
      { name, title: `${title}, started again at once`, peer: tidings, run: restart(0) },
      { name: `${name}-away`, title: `${title}, away for 10 s`, peer: tidings, run: restart(10 * MS), slow: true },
    ],
    columns: [
      { figure: 'seconds', title: 's from up to the last one live', digits: 2 },
      { figure: 'allSeconds', title: 's from its goodbye', digits: 2 },
      { figure: 'refusals', title: 'refusals each', digits: 2 },
      { figure: 'refusalsUp', title: 'while it was up', digits: 2 },
      { figure: 'p99Ms', title: "bystander's p99 ms meanwhile", digits: 1 },
      { figure: 'calmP99Ms', title: 'before', digits: 1 },
    ],
    marks: [name, `${name}-away`].map((of) => ({
      text: `${of}: < ${LIMIT_SECONDS} s`,
      of: [of, 'seconds'],
      plus: LIMIT_SECONDS,
      is: 'at most',
    })),
  }
}
