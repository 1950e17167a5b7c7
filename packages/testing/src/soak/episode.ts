import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Random } from '../backend-suite/random.js'
import type { History } from '../checker/history.js'
import { ServerUnderTest } from '../nemesis/server-under-test.js'
import { storm } from '../nemesis/storm.js'
import { newTally, type Tally } from '../nemesis/tally.js'
import { FaultProxy } from '../proxy/fault-proxy.js'
import { Recorder } from '../recorder/recorder.js'
import { CHANNELS, MAX_PAYLOAD_BYTES, writeServerConfig } from '../workload/server-config.js'
import { Workload } from '../workload/workload.js'
import { seedOf, type World } from '../workload/world.js'

export interface EpisodeOptions {
  readonly seed: number
  /** How long things are broken; finding out what came of it takes a little longer. */
  readonly durationMs: number
  /** The program under test with its first arguments; `serve` and its options are added. */
  readonly program: readonly [string, ...string[]]
  /** Default 10000. */
  readonly deadlineMs?: number
  /** Names of faults that should come five times as often. */
  readonly emphasis?: readonly string[]
}

export interface Episode {
  readonly history: History
  readonly tally: Tally
  /** What went wrong beside the contract: the node ended by itself, or somebody never came back. */
  readonly failures: readonly string[]
}

const STORM_MS = 12_000
const MEASURE_MS = 500
const MARK_MS = 1000
const SETTLE_MS = 5000
const MAX_RSS_BYTES = 512 * 1024 * 1024
const DEFAULT_DEADLINE_MS = 10_000

/**
 * One server with publishers and subscribers, broken at random for a while: storms, each followed by a calm in which
 * everybody must get everything. All choices come from the seed; what they meet does not.
 */
export const runEpisode = async (options: EpisodeOptions): Promise<Episode> => {
  const { seed, durationMs, program, deadlineMs = DEFAULT_DEADLINE_MS, emphasis = [] } = options
  const dir = await mkdtemp(join(tmpdir(), 'tidings-faults-'))
  const recorder = new Recorder({ channels: CHANNELS, maxRssBytes: MAX_RSS_BYTES })
  const proxy = await FaultProxy.listen({ targetPort: 1 })
  const server = new ServerUnderTest({ dir, config: writeServerConfig(dir), program, proxy, recorder })
  const failures: string[] = []
  const world: World = {
    url: `ws://127.0.0.1:${proxy.port}/ws`,
    recorder,
    runOf: server.runOf,
    maxPayloadBytes: MAX_PAYLOAD_BYTES,
    fail: (what) => failures.push(what),
    random: (name) => new Random(seedOf(seed, name)),
  }
  const tally = newTally()
  const [linkRandom, nodeRandom] = [world.random('links'), world.random('node')]
  const parts = { server, proxy, tally, copies: [] as string[], linkRandom, nodeRandom, emphasis }
  let workload: Workload | undefined
  const measuring = setInterval(() => server.measure(), MEASURE_MS)
  try {
    await server.start({ store: 'kept' })
    workload = new Workload(world, CHANNELS as [(typeof CHANNELS)[number], ...typeof CHANNELS])
    const storms = Math.max(1, Math.round(durationMs / STORM_MS))
    for (let count = 0; count < storms && server.crashes.length === 0; count += 1) {
      await storm(parts, durationMs / storms)
      recorder.record({ kind: 'calm' })
      await everybodyComplete(workload, world, deadlineMs)
      recorder.record({ kind: 'storm' })
    }
    workload.rest(true)
    await until(() => workload?.unsettled === 0, SETTLE_MS)
  } catch (error) {
    failures.push(error instanceof Error ? error.message : String(error))
  } finally {
    clearInterval(measuring)
    workload?.stop()
    await server.end('SIGKILL')
    await proxy.close()
    await rm(dir, { recursive: true, force: true })
  }
  return { history: recorder.history, tally, failures: [...server.crashes, ...failures] }
}

const until = async (condition: () => boolean, limitMs: number): Promise<boolean> => {
  const untilMs = performance.now() + limitMs
  while (!condition() && performance.now() < untilMs) await sleep(20)
  return condition()
}

/** Publishes markers until everybody, and some who read everything there is, got one of them. */
const everybodyComplete = async (workload: Workload, world: World, deadlineMs: number): Promise<void> => {
  const readers = workload.readAll()
  const marks = new Set<string>()
  const marking = setInterval(() => marks.add(workload.mark()), MARK_MS)
  marks.add(workload.mark())
  const isMarked = (seen: ReadonlySet<string>): boolean => [...marks].some((id) => seen.has(id))
  const missing = (): string[] =>
    workload.subscribers.flatMap(({ name, channel, markers }) => (isMarked(markers) ? [] : [`${name} on ${channel}`]))
  // Somebody who came during the calm has as long as those who were there.
  const isComplete = await until(() => missing().length === 0, 2 * deadlineMs)
  clearInterval(marking)
  if (!isComplete)
    world.fail(`not there ${2 * deadlineMs} ms after everything was whole again: ${missing().join(', ')}`)
  for (const reader of readers) workload.leave(reader)
}
