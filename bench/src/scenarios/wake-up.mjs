import { centrifugo } from '../peers/centrifugo.mjs'
import { tidings } from '../peers/tidings.mjs'
import { holdConnections } from '../run/load.mjs'
import { forgetPeak, memoryOf } from '../run/memory.mjs'
import { Talk } from '../run/talk.mjs'
import { withServer } from './measure.mjs'

const CHANNEL = 'chat:lobby'
const LIMIT_SECONDS = 10
/** What is counted: the beginning of each missed publication's text. */
const MISSED = '"text":"missed '
const KIB = 1024

/** @param {number} number */
const missed = (number) => ({ raw: '', json: `{"text":"missed ${String(number).padEnd(57, 'x')}"}` })

/** @param {import('../types.js').Size} size @returns {import('../types.js').Scenario} */
export const wakeUpScenario = ({ quick }) => {
  const { connections, count } = quick ? { connections: 50, count: 20 } : { connections: 5000, count: 100 }
  /** @param {import('../types.js').Peer} peer */
  const run = (peer) =>
    withServer(peer, {}, async (served) => {
      const { wire } = peer
      const { recovery } = wire
      if (recovery === undefined || wire.ready === undefined) return { ok: false, reason: 'it has no recovery' }
      const publisher = await Talk.open(wire, served.port)
      for (const frame of wire.hello([CHANNEL])) publisher.send(frame)
      await publisher.hears(wire.ready.text)
      publisher.send(wire.publish(CHANNEL, { raw: '', json: '{"text":"first"}' }))
      await publisher.hears('"text":"first"')
      // Everybody is connected, and knows where the channel is.
      const reader = await Talk.open(wire, served.port)
      for (const frame of wire.hello([CHANNEL])) reader.send(frame)
      const position = recovery.positionOf(await reader.hears(wire.ready.text))
      await reader.close()
      if (position === undefined) return { ok: false, reason: 'the first reply has no position' }
      const common = { wire, served, connections, concurrency: 1000, channelsEach: 1 }
      const hello = [{ topics: [0], frames: wire.hello([CHANNEL]) }]
      const before = await holdConnections({ ...common, hello })
      await before.release()
      // Their connections are gone without a goodbye; this goes by meanwhile.
      for (let number = 0; number < count; number += 1) publisher.send(wire.publish(CHANNEL, missed(number)))
      await publisher.hears(MISSED, count)
      const rest = memoryOf(served.pid)
      forgetPeak(served.pid)
      const again = await holdConnections({
        ...common,
        hello: [{ topics: [0], frames: recovery.resume(CHANNEL, position) }],
        ready: { text: MISSED, count },
      })
      const { peakKib } = memoryOf(served.pid)
      const { closed, readyMatches } = await again.release()
      await publisher.close()
      if (closed > 0) return { ok: false, reason: `${closed} connections ended` }
      const extra = readyMatches - connections * count
      if (extra !== 0) return { ok: false, reason: `${extra} publications more than were missed` }
      const figures = {
        seconds: again.connects.connectSeconds,
        p99Ms: again.connects.connectP99Us / 1000,
        restMib: rest.rssKib / KIB,
        peakMib: peakKib / KIB,
      }
      return { ok: true, figures }
    })
  return {
    name: 'wake-up',
    title: '5,000 subscribers reconnect and resume, 100 missed each',
    entrants: [tidings, centrifugo].map((peer) => ({ name: peer.name, title: peer.title, peer, run })),
    columns: [
      { figure: 'seconds', title: 's until all are complete', digits: 2 },
      { figure: 'p99Ms', title: 'p99 ms', digits: 0 },
      { figure: 'restMib', title: 'RSS before, MiB', digits: 0 },
      { figure: 'peakMib', title: 'peak RSS, MiB', digits: 0 },
    ],
    marks: [
      { text: `< ${LIMIT_SECONDS} s`, of: ['tidings', 'seconds'], plus: LIMIT_SECONDS, is: 'at most' },
      {
        text: "<= Centrifugo's time",
        of: ['tidings', 'seconds'],
        against: ['centrifugo', 'seconds'],
        is: 'at most',
      },
      {
        text: "peak RSS beside Centrifugo's",
        of: ['tidings', 'peakMib'],
        against: ['centrifugo', 'peakMib'],
        is: 'beside',
      },
    ],
  }
}
