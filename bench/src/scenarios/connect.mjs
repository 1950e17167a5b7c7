import { centrifugo } from '../peers/centrifugo.mjs'
import { socketIo } from '../peers/socket-io.mjs'
import { tidings } from '../peers/tidings.mjs'
import { ws } from '../peers/ws.mjs'
import { holdConnections } from '../run/load.mjs'
import { withServer } from './measure.mjs'

/** @param {import('../types.js').Size} size @returns {import('../types.js').Scenario} */
export const connectScenario = ({ quick }) => {
  const { connections, concurrency } = quick
    ? { connections: 100, concurrency: 20 }
    : { connections: 8000, concurrency: 100 }
  /** @param {import('../types.js').Peer} peer */
  const run = (peer) =>
    withServer(peer, {}, async (served) => {
      const { connects, release } = await holdConnections({
        wire: peer.wire,
        served,
        connections,
        concurrency,
        channelsEach: 1,
        hello: [{ topics: [0], frames: peer.wire.hello(['chat:lobby']) }],
      })
      const { closed } = await release()
      if (closed > 0) return { ok: false, reason: `${closed} connections ended` }
      const figures = {
        connectsPerSecond: connections / connects.connectSeconds,
        p50Ms: connects.connectP50Us / 1000,
        p99Ms: connects.connectP99Us / 1000,
      }
      return { ok: true, figures }
    })
  return {
    name: 'connect',
    title: 'connections/s up to subscribed, 100 at a time',
    entrants: [tidings, socketIo, centrifugo, ws].map((peer) => ({
      name: peer.name,
      title: peer === ws ? 'ws, handshake alone' : peer.title,
      peer,
      run,
      slow: peer !== tidings,
    })),
    columns: [
      { figure: 'connectsPerSecond', title: 'connects/s', digits: 0 },
      { figure: 'p50Ms', title: 'p50 ms', digits: 1 },
      { figure: 'p99Ms', title: 'p99 ms', digits: 1 },
    ],
    marks: [
      {
        text: '>= 2x Socket.IO',
        of: ['tidings', 'connectsPerSecond'],
        against: ['socket.io', 'connectsPerSecond'],
        factor: 2,
        is: 'at least',
      },
    ],
  }
}
