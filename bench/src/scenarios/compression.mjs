import { tidings } from '../peers/tidings.mjs'
import { ws } from '../peers/ws.mjs'
import { loadProgram } from '../run/native.mjs'
import { readTrades } from '../run/trades.mjs'
import { helloTo, sampleOf, withServer } from './measure.mjs'

const CHANNEL = 'tape:btc'
const TRADES_EACH = 10
const PUBLICATIONS = 200

/** About 1 KB of JSON each: ten trades of a real market. */
const publications = () => {
  const trades = readTrades()
  return Array.from({ length: PUBLICATIONS }, (_, index) => {
    const some = trades.slice(index * TRADES_EACH, (index + 1) * TRADES_EACH)
    const rows = some.map(({ side, price, amount, atUs }) => ({
      symbol: 'BTCUSDT',
      side,
      price,
      amount,
      at: atUs / 1000,
    }))
    return JSON.stringify({ trades: rows, mark: '%m' })
  })
}

/** @param {import('../types.js').Size} size @returns {import('../types.js').Scenario} */
export const compressionScenario = ({ quick }) => {
  const how = quick
    ? { connections: 20, window: 16, seconds: 0.3, warmupSeconds: 0.1 }
    : { connections: 1000, window: 16, seconds: 5, warmupSeconds: 2 }
  const texts = publications()
  /** @param {import('../types.js').Peer} peer @param {boolean} deflate */
  const run = (peer, deflate) =>
    withServer(peer, { deflate }, (served) =>
      sampleOf({
        wire: peer.wire,
        served,
        channelsEach: 1,
        hello: helloTo(peer.wire, CHANNEL),
        publish: texts.map((json) => ({ topics: [0], frames: [peer.wire.publish(CHANNEL, { raw: json, json })] })),
        payloadBytes: 24,
        deflate,
        ...how,
      }),
    )
  return {
    name: 'compression',
    title: '1 KB of JSON to 1,000 subscribers, permessage-deflate, 16 in flight',
    absence: () =>
      loadProgram().can.has('deflate') ? undefined : "zlib's header is not installed, so the load cannot decompress",
    entrants: [
      { name: 'tidings', title: 'Tidings', peer: tidings, run: (peer) => run(peer, true) },
      { name: 'tidings-plain', title: 'Tidings, uncompressed', peer: tidings, run: (peer) => run(peer, false) },
      { name: 'ws', title: 'ws, its own deflate', peer: ws, run: (peer) => run(peer, true) },
      { name: 'ws-plain', title: 'ws, uncompressed', peer: ws, run: (peer) => run(peer, false), slow: true },
    ],
    columns: [
      { figure: 'cpuUsPerDelivery', title: 'server CPU µs each', digits: 2 },
      { figure: 'bytesPerDelivery', title: 'bytes each', digits: 0 },
      { figure: 'deliveriesPerSecond', title: 'deliveries/s', digits: 0 },
      { figure: 'serverBusyPercent', title: 'server busy %', digits: 0 },
      { figure: 'loadBusyPercent', title: 'load busy %', digits: 0 },
    ],
    marks: [
      {
        text: "CPU per delivery <= 0.1x of ws's own deflate",
        of: ['tidings', 'cpuUsPerDelivery'],
        against: ['ws', 'cpuUsPerDelivery'],
        factor: 0.1,
        is: 'at most',
      },
      {
        text: 'bytes <= 0.4x of uncompressed',
        of: ['tidings', 'bytesPerDelivery'],
        against: ['tidings-plain', 'bytesPerDelivery'],
        factor: 0.4,
        is: 'at most',
      },
    ],
  }
}
