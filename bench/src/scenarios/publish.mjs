import { tidings, wire } from '../peers/tidings.mjs'
import { ws } from '../peers/ws.mjs'
import { sampleOf, TEXT, withServer } from './measure.mjs'
import { fsyncMs } from '../run/fsync.mjs'

const CONNECTIONS = 100

/** @param {number} number */
const channelOf = (number) => `chat:room-${number}`

/**
 * Publishes acknowledged: the marker is the publication's id, which only its acknowledgement brings back. Nobody subscribes.
 * @type {import('../types.js').Wire}
 */
const acknowledgedWire = {
  ...wire,
  hello: () => [JSON.stringify({ type: 'connect', id: 1, token: 'member-%d', client: 'client-%d' })],
  ready: { text: '"type":"connected"', each: false },
  publish: (channel) =>
    `{"type":"publish","id":1%s,"channel":"${channel}","data":{"text":"${'x'.repeat(40)}"},"publicationId":"%m"}`,
}

/** @param {import('../types.js').Size} size */
const howOf = ({ quick }) =>
  quick ? { window: 256, seconds: 0.3, warmupSeconds: 0.1 } : { window: 1024, seconds: 5, warmupSeconds: 2 }

/**
 * Tidings' own part of it, for others.
 * @param {import('../types.js').Peer} peer
 * @param {import('../types.js').StartOptions} start
 * @param {import('../types.js').Size} size
 */
export const acknowledged = (peer, start, size) => runPublish(peer, acknowledgedWire, start, howOf(size))

/**
 * @param {import('../types.js').Peer} peer
 * @param {import('../types.js').Wire} spoken
 * @param {import('../types.js').StartOptions} start
 * @param {ReturnType<typeof howOf>} how
 */
const runPublish = (peer, spoken, start, how) => {
  const numbers = Array.from({ length: CONNECTIONS }, (_, number) => number)
  return withServer(peer, start, async (served) => {
    const sample = await sampleOf({
      wire: spoken,
      served,
      connections: CONNECTIONS,
      publishers: CONNECTIONS,
      channelsEach: 0,
      hello: numbers.map((number) => ({ topics: [number], frames: spoken.hello([]) })),
      publish: numbers.map((number) => ({ topics: [number], frames: [spoken.publish(channelOf(number), TEXT)] })),
      payloadBytes: spoken === acknowledgedWire ? 24 : 64,
      echo: true,
      ...how,
    })
    if (!sample.ok || start.store !== 'disk' || served.dir === undefined) return sample
    return { ok: true, figures: { ...sample.figures, fsyncMs: fsyncMs(served.dir) } }
  })
}

/** @param {import('../types.js').Size} size @returns {import('../types.js').Scenario} */
export const publishScenario = (size) => {
  const how = howOf(size)
  /** @type {(...given: [import('../types.js').Peer, import('../types.js').Wire, import('../types.js').StartOptions]) => Promise<import('../types.js').Sample>} */
  const run = (peer, spoken, start) => runPublish(peer, spoken, start, how)
  return {
    name: 'publish',
    title: 'acknowledged publications/s over 100 WebSockets, 1,024 in flight',
    entrants: [
      { name: 'tidings', title: 'Tidings, memory', peer: tidings, run: (peer) => run(peer, acknowledgedWire, {}) },
      {
        name: 'tidings-disk',
        title: 'Tidings, disk',
        peer: tidings,
        run: (peer) => run(peer, acknowledgedWire, { store: 'disk' }),
      },
      { name: 'ws', title: 'ws, echo', peer: ws, run: (peer) => run(peer, peer.wire, { echo: true }) },
    ],
    columns: [
      { figure: 'deliveriesPerSecond', title: 'acknowledged/s', digits: 0 },
      { figure: 'cpuUsPerDelivery', title: 'server CPU µs each', digits: 2 },
      { figure: 'p99Ms', title: 'p99 ms', digits: 1 },
      { figure: 'fsyncMs', title: 'fsync ms', digits: 2 },
      { figure: 'serverBusyPercent', title: 'server busy %', digits: 0 },
      { figure: 'loadBusyPercent', title: 'load busy %', digits: 0 },
    ],
    marks: [
      {
        text: 'memory >= 0.6x a ws echo',
        of: ['tidings', 'deliveriesPerSecond'],
        against: ['ws', 'deliveriesPerSecond'],
        factor: 0.6,
        is: 'at least',
      },
      {
        text: 'disk >= 0.4x memory',
        of: ['tidings-disk', 'deliveriesPerSecond'],
        against: ['tidings', 'deliveriesPerSecond'],
        factor: 0.4,
        is: 'at least',
      },
    ],
  }
}
