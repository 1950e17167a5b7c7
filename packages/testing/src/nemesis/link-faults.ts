import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../random.js'
import type { FaultProxy } from '../proxy/fault-proxy.js'
import type { Direction, ProxiedConnection } from '../proxy/proxied-connection.js'
import { between, oneOf } from '../workload/world.js'
import type { Tally } from './tally.js'

/** Something bad that happens to connections. Resolves once it is over, or would be over by itself. */
export interface LinkFault {
  readonly name: string
  /** How often, compared with the others. */
  readonly weight: number
  strike(proxy: FaultProxy, random: Random, tally: Tally): Promise<void> | void
}

const DIRECTIONS: readonly [Direction, ...Direction[]] = ['to-server', 'to-client', 'both']
const ONE_WAY = ['to-server', 'to-client'] as const
const MAX_STALL_MS = 3000

const anyConnection = (proxy: FaultProxy, random: Random): ProxiedConnection | undefined => {
  const { connections } = proxy
  return connections[between(random, 0, connections.length - 1)]
}

const onOne =
  (
    strike: (connection: ProxiedConnection, random: Random, tally: Tally) => Promise<void> | void,
  ): LinkFault['strike'] =>
  (proxy, random, tally) => {
    const connection = anyConnection(proxy, random)
    return connection === undefined ? undefined : strike(connection, random, tally)
  }

export const LINK_FAULTS: readonly [LinkFault, ...LinkFault[]] = [
  {
    name: 'cut',
    weight: 8,
    strike: onOne((connection, _random, tally) => {
      tally.cuts += 1
      connection.cut()
    }),
  },
  {
    name: 'reset',
    weight: 8,
    strike: onOne((connection, _random, tally) => {
      tally.cuts += 1
      connection.reset()
    }),
  },
  {
    name: 'cut in mid-frame',
    weight: 8,
    strike: onOne((connection, random, tally) => {
      tally.cuts += 1
      const bytes = between(random, 0, random.chance(0.5) ? 200 : 20_000)
      connection.cutAfter(oneOf(random, ONE_WAY), bytes, random.chance(0.5) ? 'cut' : 'reset')
    }),
  },
  {
    name: 'stall',
    weight: 3,
    strike: onOne(async (connection, random) => {
      const direction = oneOf(random, DIRECTIONS)
      connection.stall(direction)
      await sleep(between(random, 20, MAX_STALL_MS))
      connection.resume(direction)
    }),
  },
  {
    name: 'delay',
    weight: 2,
    strike: onOne(async (connection, random) => {
      connection.setRules(oneOf(random, DIRECTIONS), { delayMs: between(random, 1, 300) })
      await sleep(between(random, 20, MAX_STALL_MS))
      connection.setRules('both', {})
    }),
  },
  {
    name: 'slow',
    weight: 3,
    strike: onOne(async (connection, random) => {
      connection.setRules(oneOf(random, DIRECTIONS), { bytesPerSecond: random.chance(0.5) ? 1000 : 20_000 })
      await sleep(between(random, 200, MAX_STALL_MS))
      connection.setRules('both', {})
    }),
  },
  {
    name: 'half-open',
    weight: 1,
    strike: onOne((connection, random, tally) => {
      tally.halfOpens += 1
      connection.halfOpen(random.chance(0.5) ? oneOf(random, ['client', 'server']) : undefined)
    }),
  },
  {
    name: 'cut all',
    weight: 0.5,
    strike: (proxy, _random, tally) => {
      tally.cuts += proxy.connections.length
      proxy.cutAll()
    },
  },
  {
    name: 'refuse',
    weight: 0.5,
    strike: async (proxy, random) => {
      proxy.refuses = true
      await sleep(between(random, 50, 500))
      proxy.refuses = false
    },
  },
]
