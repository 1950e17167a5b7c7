import { batchLimit } from '../peers/kernel.mjs'
import { bun } from '../peers/bun.mjs'
import { tidings } from '../peers/tidings.mjs'
import { FAN_OUT_COLUMNS, fanOut } from './fan-out.mjs'
import { sampleOf, TEXT, withServer } from './measure.mjs'

const WINDOW = 16

/** @param {number} value */
const grouped = (value) => value.toLocaleString('en-US')

/** Cost as the number of subscribers grows. @param {import('../types.js').Size} size @returns {import('../types.js').Scenario} */
export const subscribersScenario = ({ quick }) => {
  const sizes = quick ? [10, 50] : [10, 100, 1000, 10_000]
  const how = quick ? { seconds: 0.2, warmupSeconds: 0.1 } : { seconds: 4, warmupSeconds: 1 }
  return {
    name: 'subscribers',
    title: 'deliveries/s as subscribers of 1 channel grow, 16 in flight',
    curve: true,
    entrants: [tidings, bun, batchLimit].flatMap((peer) =>
      sizes.map((subscribers) => ({
        name: `${peer.name}-${subscribers}`,
        title: `${peer.title}, ${grouped(subscribers)}`,
        at: subscribers,
        peer,
        run: (/** @type {import('../types.js').Peer} */ self) => fanOut(self, { subscribers, window: WINDOW, ...how }),
        slow: peer !== tidings,
      })),
    ),
    columns: FAN_OUT_COLUMNS,
    marks: [],
  }
}

/** Cost as the same connections are spread over channels. @param {import('../types.js').Size} size @returns {import('../types.js').Scenario} */
export const channelsScenario = ({ quick }) => {
  const connections = quick ? 100 : 10_000
  const counts = quick ? [1, 100] : [1, 100, 10_000]
  const how = quick ? { seconds: 0.2, warmupSeconds: 0.1 } : { seconds: 4, warmupSeconds: 1 }
  /** @param {number} number */
  const channelOf = (number) => `chat:room-${number}`
  /** @param {import('../types.js').Peer} peer @param {number} channels */
  const run = (peer, channels) => {
    const numbers = Array.from({ length: channels }, (_, number) => number)
    return withServer(peer, {}, (served) =>
      sampleOf({
        wire: peer.wire,
        served,
        connections,
        publishers: connections,
        channelsEach: 1,
        hello: numbers.map((number) => ({ topics: [number], frames: peer.wire.hello([channelOf(number)]) })),
        publish: numbers.map((number) => ({ topics: [number], frames: [peer.wire.publish(channelOf(number), TEXT)] })),
        window: WINDOW,
        ...how,
      }),
    )
  }
  return {
    name: 'channels',
    title: `deliveries/s of ${grouped(connections)} subscribers as they spread over channels, 16 in flight`,
    curve: true,
    entrants: counts.map((channels) => ({
      name: `tidings-${channels}`,
      title: `Tidings, ${grouped(channels)} channels`,
      at: channels,
      peer: tidings,
      run: (peer) => run(peer, channels),
    })),
    columns: FAN_OUT_COLUMNS.concat({ figure: 'publicationsPerSecond', title: 'publications/s', digits: 0 }),
    marks: [],
  }
}
