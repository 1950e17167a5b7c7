import { setTimeout as sleep } from 'node:timers/promises'
import { centrifugo } from '../peers/centrifugo.mjs'
import { socketIo } from '../peers/socket-io.mjs'
import { tidings } from '../peers/tidings.mjs'
import { ws } from '../peers/ws.mjs'
import { holdConnections } from '../run/load.mjs'
import { memoryOf } from '../run/memory.mjs'
import { withServer } from './measure.mjs'

const KIB = 1024

/** @param {import('../types.js').Size} size @returns {import('../types.js').Scenario} */
export const idleScenario = ({ quick }) => {
  const { connections, settleMs } = quick
    ? { connections: 200, settleMs: 300 }
    : { connections: 15_000, settleMs: 12_000 }
  /**
   * @param {import('../types.js').Peer} peer
   * @param {boolean} own whether each connection has a channel of its own
   */
  const run = (peer, own) =>
    withServer(peer, {}, async (served) => {
      const before = memoryOf(served.pid).rssKib
      const numbers = own ? Array.from({ length: connections }, (_, number) => number) : [0]
      const { connects, release } = await holdConnections({
        wire: peer.wire,
        served,
        connections,
        channelsEach: 1,
        hello: numbers.map((number) => ({
          topics: [number],
          frames: peer.wire.hello([own ? `user:member-${number}` : 'chat:lobby']),
        })),
      })
      // What connecting left behind is collected, and the first pings go out: this is the state that is measured.
      await sleep(settleMs)
      const after = memoryOf(served.pid).rssKib
      const { closed } = await release()
      if (closed > 0) return { ok: false, reason: `${closed} connections ended` }
      const figures = {
        bytesPerConnection: ((after - before) * KIB) / connections,
        rssMib: after / KIB,
        connectsPerSecond: connections / connects.connectSeconds,
      }
      return { ok: true, figures }
    })
  const entrants = [tidings, ws, socketIo, centrifugo].map((peer) => ({
    name: peer.name,
    title: peer.title,
    peer,
    run: (/** @type {import('../types.js').Peer} */ self) => run(self, false),
    slow: peer !== tidings && peer !== ws,
  }))
  const own = [tidings, socketIo, centrifugo].map((peer) => ({
    name: `${peer.name}-own`,
    title: `${peer.title}, a channel each`,
    peer,
    run: (/** @type {import('../types.js').Peer} */ self) => run(self, true),
    slow: true,
  }))
  return {
    name: 'idle',
    title: '15,000 connections, one subscription each',
    entrants: [...entrants, ...own],
    columns: [
      { figure: 'bytesPerConnection', title: 'RSS bytes per connection', digits: 0 },
      { figure: 'rssMib', title: 'RSS MiB', digits: 0 },
      { figure: 'connectsPerSecond', title: 'connects/s', digits: 0 },
    ],
    marks: [
      { text: '<= bare ws + 4 KiB', against: 'ws', factor: 1, plus: 4 * KIB },
      { text: '<= 0.6x Socket.IO', against: 'socket.io', factor: 0.6, plus: 0 },
      { text: '<= 0.5x Centrifugo', against: 'centrifugo', factor: 0.5, plus: 0 },
    ].map(({ text, against, factor, plus }) => ({
      text,
      of: ['tidings', 'bytesPerConnection'],
      against: [against, 'bytesPerConnection'],
      factor,
      plus,
      is: 'at most',
    })),
  }
}
