import { bun } from '../peers/bun.mjs'
import { centrifugo } from '../peers/centrifugo.mjs'
import { socketIo } from '../peers/socket-io.mjs'
import { tidings } from '../peers/tidings.mjs'
import { ws } from '../peers/ws.mjs'
import { figuresOf, helloTo, problemOf, TEXT, withServer } from './measure.mjs'
import { runLoad } from '../run/load.mjs'

const CHANNEL = 'chat:lobby'

/** @param {import('../types.js').Size} size @returns {import('../types.js').Scenario} */
export const latencyScenario = ({ quick }) => {
  const how = quick
    ? { connections: 50, rates: [50], seconds: 0.4, warmupSeconds: 0.1 }
    : { connections: 1000, rates: [50], seconds: 10, warmupSeconds: 2 }
  /** @param {import('../types.js').Peer} peer */
  const run = (peer) =>
    withServer(peer, {}, async (served) => {
      const result = await runLoad({
        wire: peer.wire,
        served,
        channelsEach: 1,
        hello: helloTo(peer.wire, CHANNEL),
        publish: [{ topics: [0], frames: [peer.wire.publish(CHANNEL, TEXT)] }],
        ...how,
      })
      const measured = /** @type {import('../types.js').Stepped} */ (result)
      const [step] = measured.steps
      const reason = problemOf(measured)
      if (reason !== undefined || step === undefined) return { ok: false, reason: reason ?? 'no step was made' }
      return { ok: true, figures: figuresOf(step) }
    })
  return {
    name: 'latency',
    title: '1,000 subscribers, 50 publications/s',
    entrants: [tidings, ws, bun, centrifugo, socketIo].map((peer) => ({
      ...{ name: peer.name, title: peer.title, peer, run },
      slow: peer !== tidings && peer !== socketIo,
    })),
    columns: [
      { figure: 'p99Ms', title: 'p99 ms', digits: 2 },
      { figure: 'p50Ms', title: 'p50 ms', digits: 2 },
      { figure: 'cpuUsPerDelivery', title: 'server CPU µs each', digits: 2 },
      { figure: 'serverBusyPercent', title: 'server busy %', digits: 0 },
      { figure: 'loadBusyPercent', title: 'load busy %', digits: 0 },
      { figure: 'lateMs', title: 'load late ms', digits: 1 },
    ],
    marks: [
      { text: "p99 <= the ws loop's", against: 'ws', factor: 1 },
      { text: "p99 <= Centrifugo's", against: 'centrifugo', factor: 1 },
      { text: "p99 <= 0.5x Socket.IO's", against: 'socket.io', factor: 0.5 },
    ].map(({ text, against, factor }) => ({
      text,
      of: ['tidings', 'p99Ms'],
      against: [against, 'p99Ms'],
      factor,
      is: 'at most',
    })),
  }
}
