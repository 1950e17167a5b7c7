import { socketIo } from '../peers/socket-io.mjs'
import { tidings } from '../peers/tidings.mjs'
import { ws } from '../peers/ws.mjs'
import { certificate } from '../run/certificate.mjs'
import { loadProgram } from '../run/native.mjs'
import { FAN_OUT_COLUMNS, fanOut } from './fan-out.mjs'

/** @param {import('../types.js').Size} size @returns {import('../types.js').Scenario} */
export const wssScenario = ({ quick }) => {
  const how = quick
    ? { subscribers: 20, window: 16, seconds: 0.3, warmupSeconds: 0.1 }
    : { subscribers: 1000, window: 16, seconds: 5 }
  /** @param {import('../types.js').Peer} peer @returns {Promise<import('../types.js').Sample>} */
  const run = (peer) => {
    const tls = certificate()
    if (tls === undefined) return Promise.resolve({ ok: false, reason: 'there is no certificate' })
    return fanOut(peer, { ...how, start: { tls } })
  }
  return {
    name: 'wss',
    title: 'fan-out over TLS: 1 channel, 1,000 subscribers, 64 B, 16 in flight',
    absence: () => {
      if (!loadProgram().can.has('tls')) return "OpenSSL's headers are not installed, so the load cannot speak TLS"
      return certificate() === undefined ? 'there is no openssl to make a certificate with' : undefined
    },
    entrants: [tidings, ws, socketIo].map((peer) => ({ name: peer.name, title: peer.title, peer, run })),
    columns: [
      ...FAN_OUT_COLUMNS.slice(0, 1),
      { figure: 'megabytesPerSecond', title: 'MB/s', digits: 1 },
      ...FAN_OUT_COLUMNS.slice(1),
    ],
    marks: [
      {
        text: '>= 0.9x of ws in bytes',
        of: ['tidings', 'megabytesPerSecond'],
        against: ['ws', 'megabytesPerSecond'],
        factor: 0.9,
        is: 'at least',
      },
      {
        text: '>= 5x Socket.IO',
        of: ['tidings', 'deliveriesPerSecond'],
        against: ['socket.io', 'deliveriesPerSecond'],
        factor: 5,
        is: 'at least',
      },
    ],
  }
}
