import { jsonCodec } from '@tidings/protocol'
import { msgpackCodec } from '@tidings/protocol/msgpack'
import type { Random } from '../random.js'
import { until } from '../until.js'
import { RawSubscriber } from '../workload/raw-subscriber.js'
import { CHANGING_CHANNELS } from '../workload/server-config.js'
import { between, MARKER_PREFIX, oneOf, type World } from '../workload/world.js'
import type { NodeFault, NodeFaultParts } from './node-faults.js'
import { Probe } from './probe.js'

type Durability = 'disk' | 'memory' | 'none'

const CODECS = [jsonCodec, msgpackCodec] as const
/** So many channels at once, each used in its own way. */
const CHANNELS = 8
const MARK_MS = 1000
const MAX_MARKS = 20

/** A subscriber that is away for most of the time. */
class Away {
  readonly subscriber: RawSubscriber
  comeBack = (): void => undefined

  constructor(world: World, channel: string, random: Random) {
    this.subscriber = new RawSubscriber(world, { name: `away-${channel}`, channel, codec: oneOf(random, CODECS) })
  }

  goAway(): void {
    this.subscriber.sleepUntil(
      new Promise((resolve) => {
        this.comeBack = resolve
      }),
    )
  }
}

/**
 * The subscriber comes and takes its position from this run, or does not; some are published, or none. Either may be the
 * first use of a log under its rules.
 */
const useChannel = async ({ server, recorder, random }: NodeFaultParts, away: Away): Promise<void> => {
  const { channel } = away.subscriber
  const probe = await Probe.open(server.running, recorder)
  try {
    if (random.chance(0.5)) {
      away.comeBack()
      await until(() => away.subscriber.isCaughtUp, MARK_MS)
      away.goAway()
    }
    for (let count = random.chance(0.5) ? between(random, 1, 3) : 0; count > 0; count -= 1) {
      await probe.publish(probe.compose(channel, count))
    }
  } finally {
    probe.end()
  }
}

const restartWith = async ({ server, random, tally }: NodeFaultParts, durability: Durability): Promise<void> => {
  const signal = random.chance(0.5) ? 'SIGKILL' : 'SIGTERM'
  if (signal === 'SIGKILL') tally.kills += 1
  await server.end(signal)
  server.changeRules(durability)
  await server.start({ store: 'kept' })
}

/** Publishes markers until the subscriber was given one of them. */
const follow = async ({ server, recorder, world }: NodeFaultParts, subscriber: RawSubscriber): Promise<void> => {
  const probe = await Probe.open(server.running, recorder)
  const marks: string[] = []
  const hasOne = (): boolean => marks.some((id) => subscriber.markers.has(id))
  try {
    for (let count = 0; count < MAX_MARKS && !hasOne(); count += 1) {
      const id = `${MARKER_PREFIX}${server.running.run}-${subscriber.channel}-${count}`
      marks.push(id)
      await probe.publish(probe.compose(subscriber.channel, 'a marker', id))
      await until(hasOne, MARK_MS)
    }
  } finally {
    probe.end()
  }
  if (!hasOne()) world.fail(`${subscriber.name} was given none of ${MAX_MARKS} markers`)
}

/** Each is another one than the one before, most often to the disk and from there. */
const changes = ({ random }: NodeFaultParts): readonly Durability[] => {
  const found: Durability[] = []
  for (let count = oneOf(random, [1, 2, 3, 3]); count > 0; count -= 1) {
    const isOnDisk = (found.at(-1) ?? 'disk') === 'disk'
    found.push(isOnDisk || random.chance(0.2) ? oneOf(random, ['memory', 'none']) : 'disk')
  }
  return found
}

/**
 * The durability of some channels goes to and fro over several restarts. A subscriber of each, which was there before,
 * comes back after the last one: it is owed everything, or a gap.
 */
export const RULE_CHANGES: NodeFault = {
  name: 'other rules',
  weight: 1,
  strike: async (parts) => {
    const { world, random, tally } = parts
    const first = tally.ruleChanges * CHANNELS
    const channels = CHANGING_CHANNELS.slice(first, first + CHANNELS).map(({ name }) => name)
    tally.ruleChanges += 1
    const everybody = channels.map((channel) => new Away(world, channel, random))
    const all = (strike: (each: Away) => Promise<void>): Promise<unknown> => Promise.all(everybody.map(strike))
    try {
      await all(({ subscriber }) => follow(parts, subscriber))
      for (const each of everybody) each.goAway()
      for (const durability of changes(parts)) {
        await restartWith(parts, durability)
        await all((each) => useChannel(parts, each))
      }
      await restartWith(parts, 'disk')
      for (const each of everybody) each.comeBack()
      await all(({ subscriber }) => follow(parts, subscriber))
    } finally {
      for (const each of everybody) {
        each.comeBack()
        each.subscriber.leave()
      }
    }
  },
}
