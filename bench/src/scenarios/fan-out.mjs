import { bun } from '../peers/bun.mjs'
import { centrifugo } from '../peers/centrifugo.mjs'
import { batchLimit, writeLimit } from '../peers/kernel.mjs'
import { nats } from '../peers/nats.mjs'
import { node } from '../peers/node.mjs'
import { socketIo } from '../peers/socket-io.mjs'
import { tidings } from '../peers/tidings.mjs'
import { ws } from '../peers/ws.mjs'
import { helloTo, sampleOf, TEXT, withServer } from './measure.mjs'

const CHANNEL = 'chat:lobby'

/**
 * One publisher with a number of publications in flight; everybody is subscribed, the publisher too.
 * @param {import('../types.js').Peer} peer
 * @param {object} how
 * @param {number} how.subscribers
 * @param {number} how.window
 * @param {number} how.seconds
 * @param {number} [how.warmupSeconds]
 * @param {number} [how.payloadBytes]
 * @param {import('../types.js').StartOptions} [how.start]
 */
export const fanOut = (peer, { subscribers, window, seconds, warmupSeconds = 1, payloadBytes = 64, start = {} }) =>
  withServer(peer, start, (served) =>
    sampleOf({
      wire: peer.wire,
      served,
      connections: subscribers,
      channelsEach: 1,
      hello: helloTo(peer.wire, CHANNEL),
      publish: [{ topics: [0], frames: [peer.wire.publish(CHANNEL, TEXT)] }],
      window,
      payloadBytes,
      seconds,
      warmupSeconds,
      tls: start.tls !== undefined,
    }),
  )

/** @type {readonly import('../types.js').Column[]} */
export const FAN_OUT_COLUMNS = [
  { figure: 'deliveriesPerSecond', title: 'deliveries/s', digits: 0 },
  { figure: 'cpuUsPerDelivery', title: 'server CPU µs each', digits: 2 },
  { figure: 'bytesPerDelivery', title: 'bytes each', digits: 0 },
  { figure: 'p99Ms', title: 'p99 ms', digits: 1 },
  { figure: 'serverBusyPercent', title: 'server busy %', digits: 0 },
  { figure: 'loadBusyPercent', title: 'load busy %', digits: 0 },
]

/** So that a relay without an envelope sends as many bytes as Tidings does with one. */
const AS_MANY_BYTES = 188

/** @param {import('../types.js').Size} size @returns {import('../types.js').Scenario} */
export const fanOutScenario = ({ quick }) => {
  const how = quick
    ? { subscribers: 50, window: 16, seconds: 0.3, warmupSeconds: 0.1 }
    : { subscribers: 1000, window: 16, seconds: 5 }
  const peers = [tidings, bun, centrifugo, nats, socketIo, ws, node, batchLimit, writeLimit]
  return {
    name: 'fan-out',
    title: '1 channel, 1,000 subscribers, 64 B, 16 in flight, history in memory',
    entrants: [
      ...peers.map((peer) => ({
        name: peer.name,
        title: peer.title,
        peer,
        run: (/** @type {import('../types.js').Peer} */ self) => fanOut(self, how),
      })),
      ...[bun, node, batchLimit].map((peer) => ({
        name: `${peer.name}-wide`,
        title: `${peer.title}, as many bytes as Tidings`,
        peer,
        run: (/** @type {import('../types.js').Peer} */ self) => fanOut(self, { ...how, payloadBytes: AS_MANY_BYTES }),
      })),
    ],
    columns: FAN_OUT_COLUMNS,
    marks: [
      { text: '>= 1.0x Bun native', against: 'bun', factor: 1 },
      { text: '>= 10x Socket.IO', against: 'socket.io', factor: 10 },
      { text: '>= 2x Centrifugo', against: 'centrifugo', factor: 2 },
      { text: '>= 0.65x the C batch limit', against: 'c-batch', factor: 0.65 },
    ].map(({ text, against, factor }) => ({
      text,
      of: ['tidings', 'deliveriesPerSecond'],
      against: [against, 'deliveriesPerSecond'],
      factor,
      is: 'at least',
    })),
  }
}
