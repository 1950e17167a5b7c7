import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../random.js'
import { between } from '../workload/world.js'
import type { NodeFault } from './node-faults.js'

/** One of the processes that a process started; undefined: it has none. Linux only. */
export const aChildOf = async (pid: number, random: Random): Promise<number | undefined> => {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ').map(Number)
  return children[between(random, 0, children.length - 1)]
}

/** Faults of single workers, for a server that was started with some. It goes on without them. */
export const WORKER_FAULTS: readonly NodeFault[] = [
  {
    name: 'kill a worker',
    weight: 12,
    strike: async ({ server, random, tally }) => {
      const worker = await aChildOf(server.running.process.pid, random)
      if (worker === undefined) return
      tally.workerKills += 1
      process.kill(worker, 'SIGKILL')
      await sleep(between(random, 0, 400))
    },
  },
  {
    name: 'freeze a worker',
    weight: 3,
    strike: async ({ server, random, tally }) => {
      const worker = await aChildOf(server.running.process.pid, random)
      if (worker === undefined) return
      tally.workerFreezes += 1
      await server.freeze(between(random, 100, 4000), worker)
    },
  },
]
