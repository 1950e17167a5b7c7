import { setTimeout as sleep } from 'node:timers/promises'
import type { NewEvent } from '../checker/history.js'
import type { DiskMoment } from '../faulty-disk.js'
import { newTally } from '../nemesis/tally.js'
import { FaultProxy } from '../proxy/fault-proxy.js'
import { Random } from '../random.js'
import { Recorder } from '../recorder/recorder.js'
import { calm, settle } from '../soak/calm.js'
import { until } from '../until.js'
import type { Episode } from '../soak/episode.js'
import { CHANNELS, MAX_PAYLOAD_BYTES } from '../workload/server-config.js'
import { Workload } from '../workload/workload.js'
import { between, oneOf, seedOf, type World } from '../workload/world.js'
import { PoweredNode } from './powered-node.js'

export interface PowerEpisodeOptions {
  readonly seed: number
  /** How often the power fails. */
  readonly failures: number
  /** Default 10000. */
  readonly deadlineMs?: number
}

/**
 * When the power fails: before a commit; between it and the flush; after the flush, when nobody was told; when publishers
 * were told and subscribers were not; the other way round.
 */
export const POWER_MOMENTS = ['commit', 'committed', 'flushed', 'acknowledged', 'delivered'] as const
const START_MOMENTS = ['commit', 'committed', 'flushed'] as const satisfies readonly DiskMoment[]

const MAX_PAUSE_MS = 400
/** In which what was published comes together in one batch, behind one that is held. */
const GATHER_MS = 20
const MIN_HELD_MS = 50
const MAX_HELD_MS = 250
/** A moment that does not come by then is not waited for. */
const MOMENT_MS = 1000
const CALM_EVERY = 4
const DEFAULT_DEADLINE_MS = 10_000

interface Parts {
  readonly node: PoweredNode
  readonly proxy: FaultProxy
  readonly recorder: Recorder
  readonly workload: Workload
  readonly random: Random
}

/**
 * A node in this process on a disk that forgets what was not flushed, with real sockets, publishers and subscribers. Its
 * power fails again and again: before a commit, between commit and flush while somebody reads, between flush and
 * acknowledgement, between acknowledgement and delivery, or the other way round, and while it starts.
 */
export const runPowerEpisode = async (options: PowerEpisodeOptions): Promise<Episode> => {
  const { seed, failures: wanted, deadlineMs = DEFAULT_DEADLINE_MS } = options
  const recorder = new Recorder({ channels: CHANNELS })
  const proxy = await FaultProxy.listen({ targetPort: 1 })
  const node = new PoweredNode(proxy, recorder)
  const failures: string[] = []
  const world: World = {
    url: `ws://127.0.0.1:${proxy.port}/ws`,
    recorder,
    runOf: node.runOf,
    connectionOf: (clientPort) => proxy.connectionOf(clientPort),
    maxPayloadBytes: MAX_PAYLOAD_BYTES,
    fail: (what) => failures.push(what),
    random: (name) => new Random(seedOf(seed, name)),
  }
  const tally = newTally()
  let workload: Workload | undefined
  try {
    await node.start()
    workload = new Workload(world, { channels: CHANNELS })
    const parts = { node, proxy, recorder, workload, random: world.random('power') }
    while (tally.powerFailures < wanted && node.failures.length === 0) {
      tally.powerFailures += await failOnce(parts)
      if (tally.powerFailures % CALM_EVERY === 0) await calm(workload, world, deadlineMs)
    }
    await calm(workload, world, deadlineMs)
    await settle(workload)
  } catch (error) {
    failures.push(error instanceof Error ? error.message : String(error))
  } finally {
    failures.push(...node.failures.map(({ message }) => `the node gave up: ${message}`))
    workload?.stop()
    await node.dispose()
    await proxy.close()
  }
  return { history: recorder.history, tally, failures, untried: [] }
}

/** The power fails, once or more, and the node serves again. Returns how often. */
const failOnce = async (parts: Parts): Promise<number> => {
  const { node, proxy, random } = parts
  await sleep(between(random, 1, MAX_PAUSE_MS))
  await strike(parts, oneOf(random, POWER_MOMENTS))
  let count = 1
  for (;;) {
    await node.dispose()
    if (random.chance(0.25)) node.failAt(oneOf(random, START_MOMENTS))
    if (await node.start()) break
    count += 1
  }
  node.disk.onMoment = null
  proxy.heal()
  return count
}

type Moment = (typeof POWER_MOMENTS)[number]

/** The power fails at this moment, or later if it does not come. */
const strike = async (parts: Parts, moment: Moment): Promise<void> => {
  const { node } = parts
  if (moment === 'commit' || moment === 'flushed') {
    node.failAt(moment)
    await until(() => !node.isOn, MOMENT_MS)
  } else if (await isHeld(node)) {
    if (moment === 'committed') await readWhatIsHeld(parts)
    else await holdBack(parts, moment)
  }
  node.fail('at no special moment')
}

/** Whether there is a batch that is committed, and will not be flushed until it is let. */
const isHeld = ({ disk }: PoweredNode): Promise<boolean> => {
  disk.holdsFlushes = true
  return until(() => disk.heldFlushes > 0, MOMENT_MS)
}

/**
 * What is committed and not flushed can be read from the store: whoever comes now must not be given it. Most of it is of
 * publishers who do not try again, so that other publications get its offsets afterwards.
 */
const readWhatIsHeld = async ({ node, workload, random }: Parts): Promise<void> => {
  workload.speakAll()
  await sleep(GATHER_MS)
  node.disk.letFlush()
  if (!(await isHeld(node))) return
  const readers = workload.readAll()
  await sleep(between(random, MIN_HELD_MS, MAX_HELD_MS))
  node.fail('committed')
  for (const reader of readers) workload.leave(reader)
}

/** Of what a flush brings, one side is told before the power fails, and the other one is not. */
const holdBack = async (
  { node, proxy, recorder, workload }: Parts,
  told: 'acknowledged' | 'delivered',
): Promise<void> => {
  const ports = workload.publisherPorts
  for (const connection of proxy.connections) {
    if (ports.has(connection.clientPort) === (told === 'delivered')) connection.stall('to-client')
  }
  const before = recorder.history.events.length
  const sought: NewEvent['kind'] = told === 'delivered' ? 'item' : 'acknowledged'
  node.disk.letFlush()
  const isTold = (): boolean => recorder.history.events.slice(before).some(({ kind }) => kind === sought)
  if (await until(isTold, MOMENT_MS)) node.fail(told)
}
