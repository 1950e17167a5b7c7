import { BRIEF_WINDOW_MS } from '../workload/server-config.js'
import { between } from '../workload/world.js'
import type { NodeFault } from './node-faults.js'
import { aChildOf } from './worker-faults.js'

/** Frames that were written before a process stood still are older than this once it goes on. */
const BEYOND_WINDOW_MS = [BRIEF_WINDOW_MS - 1000, BRIEF_WINDOW_MS + 2000] as const
/** Longer than the disk backend waits for a flush. */
const BEYOND_FLUSH_MS = [31_000, 34_000] as const

/** For servers that remember publication ids for a brief window only. */
export const FREEZES_BEYOND_WINDOW: readonly NodeFault[] = [
  {
    name: 'freeze beyond the window',
    weight: 6,
    strike: async ({ server, random, tally }) => {
      tally.longFreezes += 1
      await server.freeze(between(random, ...BEYOND_WINDOW_MS))
    },
  },
]

/** The same of one worker, while the others go on and clients repeat themselves there. */
export const WORKER_FREEZES_BEYOND_WINDOW: readonly NodeFault[] = [
  {
    name: 'freeze a worker beyond the window',
    weight: 10,
    strike: async ({ server, random, tally }) => {
      const worker = await aChildOf(server.running.process.pid, random)
      if (worker === undefined) return
      tally.longFreezes += 1
      await server.freeze(between(random, ...BEYOND_WINDOW_MS), worker)
    },
  },
]

/** A container that is paused while it publishes. The disk is healthy: the server has no reason to end. */
export const FREEZE_BEYOND_FLUSH: NodeFault = {
  name: 'freeze beyond the flush',
  weight: 0.15,
  strike: async ({ server, random, tally }) => {
    tally.longFreezes += 1
    await server.freeze(between(random, ...BEYOND_FLUSH_MS))
  },
}
