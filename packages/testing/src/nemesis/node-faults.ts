import { setTimeout as sleep } from 'node:timers/promises'
import type { FaultProxy } from '../proxy/fault-proxy.js'
import type { Random } from '../random.js'
import type { Recorder } from '../recorder/recorder.js'
import { between, type World } from '../workload/world.js'
import type { ServerUnderTest } from './server-under-test.js'
import type { Tally } from './tally.js'

/** Something bad that happens to the node or to its disk. The node serves again once it resolves. */
export interface NodeFault {
  readonly name: string
  /** How often, compared with the others. */
  readonly weight: number
  strike(parts: NodeFaultParts): Promise<void>
}

/** What a fault of the node works with. */
export interface NodeFaultParts {
  readonly server: ServerUnderTest
  readonly proxy: FaultProxy
  readonly recorder: Recorder
  readonly random: Random
  readonly tally: Tally
  readonly world: World
  /** Names of copies of the data directory, made so far. */
  readonly copies: string[]
}

const HOUR_MS = 3_600_000

const kill = async (server: ServerUnderTest, tally: Tally): Promise<void> => {
  tally.kills += 1
  await server.end('SIGKILL')
}

export const NODE_FAULTS: readonly [NodeFault, ...NodeFault[]] = [
  {
    name: 'kill',
    weight: 18,
    strike: async ({ server, random, tally }) => {
      await kill(server, tally)
      if (random.chance(0.3)) await sleep(between(random, 1, 400))
      await server.start({ store: 'kept' })
    },
  },
  {
    name: 'kill again while it starts',
    weight: 4,
    strike: async ({ server, random, tally }) => {
      await kill(server, tally)
      for (let time = between(random, 1, 2); time > 0; time -= 1) {
        await server.launch({ store: 'kept' })
        await sleep(between(random, 0, 500))
        await kill(server, tally)
      }
      await server.start({ store: 'kept' })
    },
  },
  {
    name: 'stop and start',
    weight: 1,
    strike: async ({ server }) => {
      await server.end('SIGTERM')
      await server.start({ store: 'kept' })
    },
  },
  {
    name: 'freeze',
    weight: 1.5,
    strike: async ({ server, random, tally }) => {
      tally.freezes += 1
      await server.freeze(between(random, 100, 4000))
    },
  },
  {
    name: 'wipe',
    weight: 1,
    strike: async ({ server, tally }) => {
      tally.wipes += 1
      await kill(server, tally)
      await server.wipeData()
      await server.start({ store: 'wiped' })
    },
  },
  {
    name: 'copy',
    weight: 1.5,
    strike: async ({ server, random, tally, copies }) => {
      if (random.chance(0.5)) await kill(server, tally)
      else await server.end('SIGTERM')
      copies.push(await server.copyData())
      await server.start({ store: 'kept' })
    },
  },
  {
    name: 'snapshot',
    weight: 1.5,
    strike: async ({ server, copies }) => {
      copies.push(await server.snapshotData())
    },
  },
  {
    name: 'restore',
    weight: 1.5,
    strike: async ({ server, random, tally, copies }) => {
      const copy = copies[between(random, 0, copies.length - 1)]
      if (copy === undefined) return
      tally.restores += 1
      await kill(server, tally)
      await server.restoreData(copy)
      await server.start({ store: 'restored', copy })
    },
  },
  {
    name: 'two copies',
    weight: 1.5,
    strike: async ({ server, proxy, random, tally }) => {
      tally.twins += 1
      await (random.chance(0.5) ? kill(server, tally) : server.end('SIGTERM'))
      await server.startTwins()
      for (let turns = between(random, 2, 5); turns > 0; turns -= 1) {
        await sleep(between(random, 50, 500))
        server.turn()
        // Some stay where they are: both are published to at once.
        for (const connection of proxy.connections) if (random.chance(0.6)) connection.reset()
      }
      await sleep(between(random, 50, 500))
      const signal = random.chance(0.5) ? 'SIGKILL' : 'SIGTERM'
      if (signal === 'SIGKILL') tally.kills += 2
      await server.start(await server.endTwins(signal, random.chance(0.5) ? 'original' : 'copy'))
    },
  },
  {
    name: 'clock jump',
    weight: 1.5,
    strike: async ({ server, random, tally }) => {
      tally.clockJumps += 1
      server.skewClock(Math.round((random.next() * 2 - 1) * 3 * HOUR_MS))
      await sleep(100)
    },
  },
]
