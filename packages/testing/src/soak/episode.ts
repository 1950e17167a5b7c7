import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { History } from '../checker/history.js'
import { fullDisk, SYNC_FAULTS } from '../nemesis/disk-faults.js'
import { FREEZE_BEYOND_FLUSH, FREEZES_BEYOND_WINDOW, WORKER_FREEZES_BEYOND_WINDOW } from '../nemesis/long-freezes.js'
import { NODE_FAULTS, type NodeFault } from '../nemesis/node-faults.js'
import { RULE_CHANGES } from '../nemesis/rule-changes.js'
import { ServerUnderTest } from '../nemesis/server-under-test.js'
import { SmallDisk } from '../nemesis/small-disk.js'
import { storm } from '../nemesis/storm.js'
import { newTally, type Tally } from '../nemesis/tally.js'
import { WORKER_FAULTS } from '../nemesis/worker-faults.js'
import { FaultProxy } from '../proxy/fault-proxy.js'
import { Random } from '../random.js'
import { Recorder } from '../recorder/recorder.js'
import {
  BRIEF_WINDOW_MS,
  CHANGING_CHANNELS,
  channelsWith,
  DEDUPE_WINDOW_MS,
  MAX_PAYLOAD_BYTES,
  writeServerConfig,
} from '../workload/server-config.js'
import { Workload } from '../workload/workload.js'
import { seedOf, type World } from '../workload/world.js'
import { calm, settle } from './calm.js'

export interface EpisodeOptions {
  readonly seed: number
  /** How long things are broken; finding out what came of it takes a little longer. */
  readonly durationMs: number
  /** The program under test with its first arguments; `serve` and its options are added. */
  readonly program: readonly [string, ...string[]]
  /** How many workers it serves with, each of which is broken too. Default 0. Needs Linux. */
  readonly workers?: number
  /** Default 10000. */
  readonly deadlineMs?: number
  /** Names of faults that should come five times as often. */
  readonly emphasis?: readonly string[]
  /** Names of faults of the node that come before any other, so that they come for certain. */
  readonly first?: readonly string[]
  /** Whether the data directory is on a file system of its own, in memory, that gets full. Default: every other seed. */
  readonly smallDisk?: boolean
  /**
   * Whether publication ids are remembered for seconds only, so that processes stand still and frames are held up for longer.
   * Default: every third seed.
   */
  readonly briefWindow?: boolean
}

export interface Episode {
  readonly history: History
  readonly tally: Tally
  /** What went wrong beside the contract: the node ended by itself, or somebody never came back. */
  readonly failures: readonly string[]
  /** Faults that could not be tried here, and why. */
  readonly untried: readonly string[]
}

const STORM_MS = 12_000
const MEASURE_MS = 500
const MAX_RSS_BYTES = 512 * 1024 * 1024
const DEFAULT_DEADLINE_MS = 10_000

/**
 * One server with publishers and subscribers, broken at random for a while: storms, each followed by a calm in which
 * everybody must get everything. All choices come from the seed; what they meet does not.
 */
export const runEpisode = async (options: EpisodeOptions): Promise<Episode> => {
  const {
    seed,
    durationMs,
    program,
    workers = 0,
    deadlineMs = DEFAULT_DEADLINE_MS,
    emphasis = [],
    first = [],
  } = options
  const dir = await mkdtemp(join(tmpdir(), 'tidings-faults-'))
  const disk = (options.smallDisk ?? seed % 2 === 0) ? await SmallDisk.mount(join(dir, 'disk')) : undefined
  const briefWindow = options.briefWindow ?? seed % 3 === 0
  const dedupeWindowMs = briefWindow ? BRIEF_WINDOW_MS : DEDUPE_WINDOW_MS
  const channels = channelsWith(dedupeWindowMs)
  const recorder = new Recorder({ channels: [...channels, ...CHANGING_CHANNELS], maxRssBytes: MAX_RSS_BYTES })
  const proxy = await FaultProxy.listen({ targetPort: 1 })
  const data = join(disk instanceof SmallDisk ? disk.dir : dir, 'data')
  const config = writeServerConfig(dir, dedupeWindowMs)
  const server = new ServerUnderTest({ dir, data, config, program, workers, proxy, recorder })
  const failures: string[] = []
  const world: World = {
    url: `ws://127.0.0.1:${proxy.port}/ws`,
    recorder,
    runOf: server.runOf,
    connectionOf: (clientPort) => proxy.connectionOf(clientPort),
    maxPayloadBytes: MAX_PAYLOAD_BYTES,
    fail: (what) => failures.push(what),
    random: (name) => new Random(seedOf(seed, name)),
  }
  const tally = newTally()
  const [linkRandom, random] = [world.random('links'), world.random('node')]
  const nodeFaults: readonly [NodeFault, ...NodeFault[]] = [
    ...NODE_FAULTS,
    ...SYNC_FAULTS,
    RULE_CHANGES,
    FREEZE_BEYOND_FLUSH,
    ...(briefWindow ? FREEZES_BEYOND_WINDOW : []),
    ...(workers > 0 ? WORKER_FAULTS : []),
    ...(workers > 0 && briefWindow ? WORKER_FREEZES_BEYOND_WINDOW : []),
    ...(disk instanceof SmallDisk ? [fullDisk(disk)] : []),
  ]
  const begin = first.flatMap((wanted) => nodeFaults.find(({ name }) => name === wanted) ?? [])
  const parts = { begin, server, proxy, recorder, tally, world, copies: [], linkRandom, random, nodeFaults, emphasis }
  let workload: Workload | undefined
  const measuring = setInterval(() => server.measure(), MEASURE_MS)
  try {
    await server.start({ store: 'kept' })
    const onHeld = (): void => void (tally.heldFrames += 1)
    workload = new Workload(world, { channels, ...(briefWindow ? { onHeld } : undefined) })
    const storms = Math.max(1, Math.round(durationMs / STORM_MS))
    for (let count = 0; count < storms && server.crashes.length === 0; count += 1) {
      await storm(parts, durationMs / storms)
      await calm(workload, world, deadlineMs)
    }
    await settle(workload)
  } catch (error) {
    failures.push(error instanceof Error ? error.message : String(error))
  } finally {
    clearInterval(measuring)
    workload?.stop()
    await server.end('SIGKILL')
    await proxy.close()
    if (disk instanceof SmallDisk) await disk.unmount()
    await rm(dir, { recursive: true, force: true })
  }
  const untried = typeof disk === 'string' ? [`full disk (${disk})`] : []
  return { history: recorder.history, tally, failures: [...server.crashes, ...failures], untried }
}
