import { availableParallelism } from 'node:os'
import { tidings } from '../peers/tidings.mjs'
import { FAN_OUT_COLUMNS, fanOut } from './fan-out.mjs'
import { acknowledged } from './publish.mjs'

/**
 * One process beside several of `--workers`, on all cores together with the load: what the second core brings, and what one
 * delivery costs all processes together, which says what more cores would bring.
 * @param {string} name
 * @param {string} title
 * @param {(peer: import('../types.js').Peer, start: import('../types.js').StartOptions) => Promise<import('../types.js').Sample>} run
 * @returns {import('../types.js').Scenario}
 */
const scenario = (name, title, run) => ({
  name,
  title: `${title}, by one process and by several, nothing pinned`,
  entrants: [0, 1, 2].map((workers) => ({
    name: `workers-${workers}`,
    title: workers === 0 ? 'one process' : `workers: ${workers}`,
    peer: tidings,
    run: (peer) => run(peer, { workers }),
  })),
  columns: FAN_OUT_COLUMNS,
  marks: [
    { text: 'two workers beside one process', figure: 'deliveriesPerSecond' },
    { text: 'CPU of each, two workers beside one process', figure: 'cpuUsPerDelivery' },
  ].map(({ text, figure }) => ({ text, of: ['workers-2', figure], against: ['workers-0', figure], is: 'beside' })),
  absence: () => (availableParallelism() > 1 ? undefined : 'this machine has one core'),
})

/** @param {import('../types.js').Size} size */
export const workersScenario = ({ quick }) => {
  const how = quick
    ? { subscribers: 50, window: 16, seconds: 0.3, warmupSeconds: 0.1 }
    : { subscribers: 1000, window: 16, seconds: 5 }
  return scenario('workers', 'the fan-out of above', (peer, start) => fanOut(peer, { ...how, start }))
}

/** @param {import('../types.js').Size} size */
export const workersPublishScenario = (size) =>
  scenario('workers-publish', 'acknowledged publications as above', (peer, start) => acknowledged(peer, start, size))
