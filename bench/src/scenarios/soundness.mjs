import { ws } from '../peers/ws.mjs'
import { TEXT, sampleOf, withServer } from './measure.mjs'

/** What a relay does to one of its connections, and what the load generator must say of it. */
const FAULTS = /** @type {const} */ ([
  { fault: 'lose', title: 'a relay that loses deliveries', says: /deliveries lost/ },
  { fault: 'repeat', title: 'a relay that delivers twice', says: /deliveries too many/ },
  { fault: 'swap', title: 'a relay that swaps deliveries', says: /deliveries out of order/ },
])

/** Whether figures of broken runs are refused: the bench tests itself before it measures anybody. @returns {import('../types.js').Scenario} */
export const soundnessScenario = () => {
  /** @param {import('../types.js').Peer} peer @param {(typeof FAULTS)[number]} how @returns {Promise<import('../types.js').Sample>} */
  const run = async (peer, { fault, says }) => {
    const sample = await withServer(peer, { fault }, (served) =>
      sampleOf({
        wire: peer.wire,
        served,
        connections: 5,
        channelsEach: 1,
        hello: [{ topics: [0], frames: [] }],
        publish: [{ topics: [0], frames: [peer.wire.publish('', TEXT)] }],
        // The publisher is the one who is wronged: in an open loop it goes on all the same.
        rates: [200],
        seconds: 0.5,
        warmupSeconds: 0,
      }),
    )
    if (!sample.ok && says.test(sample.reason)) return { ok: true, figures: { caught: 1 } }
    return { ok: false, reason: `not caught: ${sample.ok ? 'it got a figure' : sample.reason}` }
  }
  return {
    name: 'soundness',
    title: 'runs that broke a promise get no figure',
    entrants: FAULTS.map((how) => ({ name: how.fault, title: how.title, peer: ws, run: (peer) => run(peer, how) })),
    columns: [{ figure: 'caught', title: 'caught', digits: 0 }],
    marks: [],
  }
}
