import { availableParallelism } from 'node:os'
import { tidings } from '../peers/tidings.mjs'
import { FAN_OUT_COLUMNS, fanOut } from './fan-out.mjs'
import { acknowledged } from './publish.mjs'

/**
 * One process beside several of `--workers`, on all cores together with the load: what the second core brings, and what one
 * delivery costs all processes together, which says what more cores would bring.
 * @param {import('../types.js').Size} size
 * @returns {import('../types.js').Scenario}
 */
export const workersScenario = (size) => {
  const how = size.quick
    ? { subscribers: 50, window: 16, seconds: 0.3, warmupSeconds: 0.1 }
    : { subscribers: 1000, window: 16, seconds: 4 }
  const counts = [0, 1, 2]
  /** @param {number} workers */
  const titleOf = (workers) => (workers === 0 ? 'one process' : `workers: ${workers}`)
  return {
    name: 'workers',
    title: 'fan-out and acknowledged publications as above, by one process and by several, nothing pinned',
    entrants: [
      ...counts.map((workers) => ({
        name: `fan-out-${workers}`,
        title: `fan-out, ${titleOf(workers)}`,
        peer: tidings,
        run: (/** @type {import('../types.js').Peer} */ peer) => fanOut(peer, { ...how, start: { workers } }),
      })),
      ...counts.map((workers) => ({
        name: `publish-${workers}`,
        title: `publish, ${titleOf(workers)}`,
        peer: tidings,
        run: (/** @type {import('../types.js').Peer} */ peer) => acknowledged(peer, { workers }, size),
      })),
    ],
    columns: FAN_OUT_COLUMNS,
    marks: [
      {
        text: 'fan-out: two workers beside one process',
        of: ['fan-out-2', 'deliveriesPerSecond'],
        against: ['fan-out-0', 'deliveriesPerSecond'],
        is: 'beside',
      },
      {
        text: 'fan-out: CPU of a delivery, two workers beside one process',
        of: ['fan-out-2', 'cpuUsPerDelivery'],
        against: ['fan-out-0', 'cpuUsPerDelivery'],
        is: 'beside',
      },
      {
        text: 'publish: CPU of one, two workers beside one process',
        of: ['publish-2', 'cpuUsPerDelivery'],
        against: ['publish-0', 'cpuUsPerDelivery'],
        is: 'beside',
      },
    ],
    absence: () => (availableParallelism() > 1 ? undefined : 'this machine has one core'),
  }
}
