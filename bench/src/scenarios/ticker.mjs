import { centrifugo } from '../peers/centrifugo.mjs'
import { socketIo } from '../peers/socket-io.mjs'
import { tidings } from '../peers/tidings.mjs'
import { sampleOf, withServer } from './measure.mjs'
import { readTrades } from '../run/trades.mjs'

const SYMBOLS = 20
const EACH = 5
const SPEED = 100

/** @param {number} symbol */
const channelOf = (symbol) => `trades:S${symbol}`

/** @param {import('../types.js').Size} size @returns {import('../types.js').Scenario} */
export const tickerScenario = ({ quick }) => {
  const { subscribers, seconds } = quick ? { subscribers: 40, seconds: 0.5 } : { subscribers: 1000, seconds: 20 }
  const trades = readTrades()
  const startUs = trades[0]?.atUs ?? 0
  const played = trades.filter(({ atUs }) => (atUs - startUs) / SPEED < seconds * 1e6)
  const symbols = Array.from({ length: SYMBOLS }, (_, symbol) => symbol)
  /** @param {import('../types.js').Peer} peer */
  const run = (peer) =>
    withServer(peer, {}, (served) =>
      sampleOf({
        wire: peer.wire,
        served,
        connections: subscribers,
        channelsEach: EACH,
        hello: symbols.map((first) => {
          const own = Array.from({ length: EACH }, (_, step) => (first + (step * SYMBOLS) / EACH) % SYMBOLS)
          return { topics: own, frames: peer.wire.hello(own.map(channelOf)) }
        }),
        // The trades of one market are dealt out to twenty symbols, one by one: real bursts, at a real rhythm.
        schedule: played.map(({ atUs, side, price, amount }, index) => {
          const symbol = index % SYMBOLS
          const data = { symbol: `S${symbol}`, side, price, amount, at: atUs / 1000, mark: '%m' }
          const json = JSON.stringify(data)
          return {
            atUs: Math.round((atUs - startUs) / SPEED),
            topics: [symbol],
            frames: [peer.wire.publish(channelOf(symbol), { raw: json, json })],
          }
        }),
        payloadBytes: 24,
      }),
    )
  return {
    name: 'ticker',
    title: 'the trades of a market at 100x, as 20 symbols, to 1,000 subscribers of 5 each',
    entrants: [tidings, socketIo, centrifugo].map((peer) => ({
      ...{ name: peer.name, title: peer.title, peer, run },
      slow: peer === centrifugo,
    })),
    columns: [
      { figure: 'p99Ms', title: 'p99 ms', digits: 2 },
      { figure: 'p50Ms', title: 'p50 ms', digits: 2 },
      { figure: 'cpuUsPerDelivery', title: 'server CPU µs each', digits: 2 },
      { figure: 'serverBusyPercent', title: 'server busy %', digits: 0 },
      { figure: 'deliveriesPerSecond', title: 'deliveries/s', digits: 0 },
      { figure: 'loadBusyPercent', title: 'load busy %', digits: 0 },
    ],
    marks: ['p99Ms', 'cpuUsPerDelivery'].map((key) => ({
      text: `${key} beside Socket.IO`,
      of: ['tidings', key],
      against: ['socket.io', key],
      is: 'beside',
    })),
  }
}
