import { centrifugo } from '../peers/centrifugo.mjs'
import { socketIo } from '../peers/socket-io.mjs'
import { tidings } from '../peers/tidings.mjs'
import { runLoad } from '../run/load.mjs'
import { problemOf, TEXT, withServer } from './measure.mjs'

const LIMIT_MS = 100

/** @param {import('../types.js').Size} size @returns {import('../types.js').Scenario} */
export const roomsScenario = ({ quick }) => {
  const { channels, connections, rates, seconds } = quick
    ? { channels: 20, connections: 100, rates: [100, 200], seconds: 0.3 }
    : {
        channels: 2000,
        connections: 10_000,
        rates: Array.from({ length: 29 }, (_, step) => 400 * 1.2 ** step),
        seconds: 2,
      }
  // Everybody is in two channels, as open files are limited: connection n in n and in n + half, modulo the channels. Turns go
  // round all channels.
  /** @param {number} number */
  const joined = (number) => [number, (number + channels / 2) % channels]
  /** @param {number} number */
  const nameOf = (number) => `chat:room-${number}`
  const numbers = Array.from({ length: channels }, (_, number) => number)
  /** @param {import('../types.js').Peer} peer */
  const run = (peer) =>
    withServer(peer, {}, async (served) => {
      const result = await runLoad({
        wire: peer.wire,
        served,
        connections,
        publishers: connections,
        channelsEach: 2,
        hello: numbers.map((number) => ({
          topics: joined(number),
          frames: peer.wire.hello(joined(number).map(nameOf)),
        })),
        publish: numbers.map((number) => ({ topics: [number], frames: [peer.wire.publish(nameOf(number), TEXT)] })),
        rates,
        limitMs: LIMIT_MS,
        seconds,
        warmupSeconds: quick ? 0.1 : 1,
      })
      const measured = /** @type {import('../types.js').Stepped} */ (result)
      const reason = problemOf(measured)
      if (reason !== undefined) return { ok: false, reason }
      const good = measured.steps.filter(({ p99Us, drained }) => drained && p99Us < LIMIT_MS * 1000).at(-1)
      if (good === undefined) return { ok: false, reason: 'the lowest rate is too much' }
      const figures = {
        rate: good.rate,
        p99Ms: good.p99Us / 1000,
        p50Ms: good.p50Us / 1000,
        serverBusyPercent: (good.serverCpuSeconds / good.seconds) * 100,
        loadBusyPercent: (good.loadCpuSeconds / good.seconds) * 100,
      }
      return { ok: true, figures }
    })
  return {
    name: 'rooms',
    title: '2,000 channels of 10 members, everyone publishes in turn, at rising rates: the highest with p99 < 100 ms',
    entrants: [tidings, socketIo, centrifugo].map((peer) => ({
      ...{ name: peer.name, title: peer.title, peer, run },
      slow: peer === centrifugo,
    })),
    columns: [
      { figure: 'rate', title: 'publications/s', digits: 0 },
      { figure: 'p99Ms', title: 'p99 ms there', digits: 1 },
      { figure: 'p50Ms', title: 'p50 ms there', digits: 1 },
      { figure: 'serverBusyPercent', title: 'server busy %', digits: 0 },
      { figure: 'loadBusyPercent', title: 'load busy %', digits: 0 },
    ],
    marks: [
      {
        text: ">= 2x Socket.IO's highest rate",
        of: ['tidings', 'rate'],
        against: ['socket.io', 'rate'],
        factor: 2,
        is: 'at least',
      },
    ],
  }
}
