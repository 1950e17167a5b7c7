import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { readChatDay } from '../../../fixtures/chat/read-day.mjs'
import { polling } from '../peers/polling.mjs'
import { tidings } from '../peers/tidings.mjs'
import { onLoadCore } from '../run/cores.mjs'
import { runLoad } from '../run/load.mjs'
import { BENCH } from '../run/paths.mjs'
import { helloTo, problemOf, withServer } from './measure.mjs'

const CHANNEL = 'chat:lobby'
const run = promisify(execFile)

/** The lines of people on the chat day, as data of a chat line with a place for the marker. */
const chatLines = () =>
  readChatDay()
    .filter(({ speaker }) => speaker !== 0)
    .map(({ text }) => JSON.stringify({ text: `%m${text}` }))

/** A template of the load generator. @param {string} json */
const asTemplate = (json) => `{"text":"%m${json.slice('{"text":"%m'.length).replaceAll('%', '%%')}`

/**
 * @typedef {object} Polled
 * @property {number} inWindow
 * @property {number} windowSeconds
 * @property {number} requests
 * @property {number} bytes
 * @property {number} cpuSeconds
 * @property {number} p50Ms
 * @property {number} p99Ms
 */

/** @param {import('../types.js').Size} size @returns {import('../types.js').Scenario} */
export const pollingScenario = ({ quick }) => {
  const { clients, seconds, linesPerSecond, intervalMs } = quick
    ? { clients: 20, seconds: 0.6, linesPerSecond: 10, intervalMs: 200 }
    : { clients: 1000, seconds: 20, linesPerSecond: 1, intervalMs: 1000 }
  const lines = chatLines()

  /** @param {import('../types.js').Peer} peer */
  const asked = (peer) =>
    withServer(peer, {}, async ({ port, pid }) => {
      const options = { port, pid, clients, seconds, linesPerSecond, intervalMs, lines: lines.slice(0, 100) }
      const program = resolve(BENCH, 'src/clients/polling.mjs')
      const [file, ...words] = onLoadCore([process.execPath, program, JSON.stringify(options)])
      const { stdout } = await run(file, words)
      /** @type {unknown} */
      const parsed = JSON.parse(stdout)
      const polled = /** @type {Polled & import('../types.js').Verdict} */ (parsed)
      const reason = problemOf({ ...polled, mismatched: 0, outOfOrder: 0, closed: 0 })
      if (reason !== undefined) return { ok: false, reason }
      const { requests, bytes, inWindow, cpuSeconds, windowSeconds, p50Ms, p99Ms } = polled
      const figures = {
        requestsPerDelivery: requests / inWindow,
        bytesPerDelivery: bytes / inWindow,
        cpuUsPerDelivery: (cpuSeconds / inWindow) * 1e6,
        serverBusyPercent: (cpuSeconds / windowSeconds) * 100,
        p50Ms,
        p99Ms,
      }
      return { ok: true, figures }
    })

  /** @param {import('../types.js').Peer} peer */
  const pushed = (peer) =>
    withServer(peer, {}, async (served) => {
      const result = await runLoad({
        wire: peer.wire,
        served,
        connections: clients,
        channelsEach: 1,
        hello: helloTo(peer.wire, CHANNEL),
        publish: lines.slice(0, 100).map((json) => ({
          topics: [0],
          frames: [peer.wire.publish(CHANNEL, { raw: '%m', json: asTemplate(json) })],
        })),
        rates: [linesPerSecond],
        payloadBytes: 24,
        seconds,
        warmupSeconds: 1 / linesPerSecond,
      })
      const measured = /** @type {import('../types.js').Stepped} */ (result)
      const [step] = measured.steps
      const reason = problemOf(measured)
      if (reason !== undefined || step === undefined) return { ok: false, reason: reason ?? 'no step was made' }
      const figures = {
        requestsPerDelivery: 0,
        bytesPerDelivery: (step.bytesReceived + step.bytesSent) / step.deliveries,
        cpuUsPerDelivery: (step.serverCpuSeconds / step.deliveries) * 1e6,
        serverBusyPercent: (step.serverCpuSeconds / step.seconds) * 100,
        p50Ms: step.p50Us / 1000,
        p99Ms: step.p99Us / 1000,
      }
      return { ok: true, figures }
    })

  return {
    name: 'polling',
    title: 'a day of chat to 1,000 clients, a line a second: pushed, and asked for every second',
    entrants: [
      { name: 'tidings', title: 'Tidings, pushed', peer: tidings, run: pushed },
      { name: 'polling', title: 'a plain Node server, asked every second', peer: polling, run: asked },
    ],
    columns: [
      { figure: 'p50Ms', title: 'p50 ms', digits: 1 },
      { figure: 'p99Ms', title: 'p99 ms', digits: 1 },
      { figure: 'requestsPerDelivery', title: 'requests each', digits: 2 },
      { figure: 'bytesPerDelivery', title: 'bytes each', digits: 0 },
      { figure: 'cpuUsPerDelivery', title: 'server CPU µs each', digits: 1 },
      { figure: 'serverBusyPercent', title: 'server busy %', digits: 1 },
    ],
    marks: [
      ...['p50Ms', 'bytesPerDelivery', 'cpuUsPerDelivery'].map((key) => ({
        text: `${key}, pushed beside asked`,
        of: /** @type {const} */ (['tidings', key]),
        against: /** @type {const} */ (['polling', key]),
        is: /** @type {const} */ ('beside'),
      })),
    ],
  }
}
