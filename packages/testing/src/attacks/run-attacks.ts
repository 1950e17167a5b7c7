import { setTimeout as sleep } from 'node:timers/promises'
import { Random } from '../random.js'
import type { Attack, Attempt } from './attack.js'
import { Attacker, type Scale } from './attacker.js'
import { Bystander, type Latency, latencyOf } from './bystander.js'
import { type Facts, lookAt } from './facts.js'
import { healthOf } from './health.js'
import { ATTACKS } from './list.js'
import { giveWay, ownThreads } from './low-priority.js'
import { MemoryWatch } from './memory.js'
import { Target, type TargetOptions } from './target.js'

export interface AttackOptions extends TargetOptions {
  /** Names of attacks; default all. */
  readonly only?: readonly string[]
  /** `small` for tests; `full`, the default, for figures: some minutes. */
  readonly scale?: Scale
  /** Of everything that is random. Default: another one each time; the report has it. */
  readonly seed?: number
  /**
   * Lets this process, but not the bystander's, have a processor only when nobody else wants it, from now until it ends: an
   * attacker on the node's own machine takes time from it that one elsewhere would not. Linux; does nothing on others.
   */
  readonly lowPriority?: boolean
  /** Told of each row when it is done. */
  readonly onRow?: (row: AttackRow) => void
}

export interface AttackRow {
  readonly attack: Pick<Attack, 'name' | 'threat' | 'refusals' | 'refusedWith'>
  readonly outcome: 'refused' | 'failed' | 'not tried'
  /** Why it failed or was not tried; empty when it was refused as it should be. */
  readonly why: readonly string[]
  /** Answers that came, each once. */
  readonly answers: readonly string[]
  readonly attempts: readonly Attempt[]
  readonly bystander: { readonly before: Latency; readonly during: Latency }
  readonly isHealthy: boolean
  /** How much the node’s memory grew at most meanwhile, in bytes; undefined when its process is not known. */
  readonly grownBytes: number | undefined
  readonly figure: string | undefined
}

export interface AttackReport {
  readonly seed: number
  readonly rows: readonly AttackRow[]
  /**
   * The bystander's latency while a thread beside it was busy and nobody attacked, which is what any attacker on this machine
   * costs; undefined on the small scale.
   */
  readonly besideBusyThread: Latency | undefined
  readonly refused: number
  readonly failed: number
  readonly notTried: number
}

const PACE = {
  full: { warmMs: 3000, busyMs: 4000, beforeMs: 2000, duringMs: 3000, pauseMs: 500 },
  small: { warmMs: 0, busyMs: 0, beforeMs: 100, duringMs: 0, pauseMs: 0 },
} as const

/** All where no names are given. Throws RangeError for a name that none has. */
export const attacksNamed = (names: readonly string[] | undefined): readonly Attack[] => {
  const unknown = names?.find((name) => !ATTACKS.some((attack) => attack.name === name))
  if (unknown !== undefined) throw new RangeError(`there is no attack ${unknown}`)
  return ATTACKS.filter(({ name }) => names?.includes(name) ?? true)
}

/**
 * Attacks a node, one attack after the other, while a bystander goes on publishing and subscribing. Rejects with RangeError
 * for options that cannot be, such as a node on another machine, and with an Error when no good client gets in.
 */
export const runAttacks = async (options: AttackOptions): Promise<AttackReport> => {
  const { only, seed = Math.floor(Math.random() * 2 ** 31) } = options
  const target = new Target(options)
  const attacks = attacksNamed(only)
  const run = new Run(target, await lookAt(target), seed, options.scale ?? 'full')
  const rows: AttackRow[] = []
  let besideBusyThread: Latency | undefined
  try {
    await run.start()
    if (options.lowPriority === true) giveWay(ownThreads())
    besideBusyThread = await run.besideBusyThread()
    for (const attack of attacks) {
      const row = await run.row(attack)
      options.onRow?.(row)
      rows.push(row)
    }
  } finally {
    await run.stop()
  }
  const count = (outcome: AttackRow['outcome']): number => rows.filter((row) => row.outcome === outcome).length
  return {
    seed,
    rows,
    besideBusyThread,
    refused: count('refused'),
    failed: count('failed'),
    notTried: count('not tried'),
  }
}

class Run {
  readonly #target: Target
  readonly #facts: Facts
  readonly #seed: number
  readonly #scale: Scale
  #bystander: Bystander | undefined

  constructor(target: Target, facts: Facts, seed: number, scale: Scale) {
    this.#target = target
    this.#facts = facts
    this.#seed = seed
    this.#scale = scale
  }

  async start(): Promise<void> {
    const token = this.#facts.isDev ? 'bystander' : this.#target.token('bystander')
    this.#bystander = await Bystander.start(this.#target, token)
    await sleep(PACE[this.#scale].warmMs)
  }

  async stop(): Promise<void> {
    await this.#bystander?.stop()
    this.#bystander = undefined
  }

  async besideBusyThread(): Promise<Latency | undefined> {
    const { busyMs } = PACE[this.#scale]
    return busyMs === 0 ? undefined : await this.#bystander?.besideBusyThread(busyMs)
  }

  async row(attack: Attack): Promise<AttackRow> {
    // Each attack has numbers of its own, so that it does the same alone and among others.
    const random = new Random(this.#seed)
    const attacker = new Attacker(attack, { target: this.#target, facts: this.#facts, random, scale: this.#scale })
    try {
      const obstacle = await attack.obstacle?.(attacker)
      if (obstacle !== undefined) return notTried(attack, obstacle)
      return await this.#tried(attack, attacker)
    } catch (error) {
      return { ...notTried(attack, error instanceof Error ? error.message : String(error)), outcome: 'failed' }
    } finally {
      attacker.letGo()
    }
  }

  async #tried(attack: Attack, attacker: Attacker): Promise<AttackRow> {
    const { beforeMs, duringMs, pauseMs } = PACE[this.#scale]
    attacker.prepare()
    if (this.#bystander === undefined) await this.start()
    this.#bystander?.during('before')
    await sleep(beforeMs)
    const memory = new MemoryWatch(this.#target.options.pid)
    this.#bystander?.during('during')
    const problem = await attackFor(attack, attacker, attack.isLong === true ? 0 : duringMs)
    attacker.letGo()
    const health = await healthOf(this.#target)
    const grownBytes = memory.stop()
    const seen = await this.#bystander?.report()
    const faults = seen?.faults ?? []
    // One that lost its connection is of no use to the next attack.
    if (faults.length > 0) await this.stop()
    await sleep(pauseMs)
    const unexpected = attacker.attempts.filter(({ isExpected }) => !isExpected)
    const why = [
      ...(problem === undefined ? [] : [problem]),
      ...new Set(unexpected.map(({ what, answer }) => `${what}: ${answer}`)),
      ...(health === 'ok' ? [] : [`the node is not healthy: ${health}`]),
      ...faults.map((fault) => `bystander: ${fault}`),
    ]
    return {
      attack,
      outcome: why.length === 0 && attacker.attempts.length > 0 ? 'refused' : 'failed',
      why,
      answers: [...new Set(attacker.attempts.map(({ answer }) => answer))],
      attempts: attacker.attempts,
      bystander: { before: latencyOf(seen?.latencies.before ?? []), during: latencyOf(seen?.latencies.during ?? []) },
      isHealthy: health === 'ok',
      grownBytes,
      figure: attacker.figure,
    }
  }
}

/** Once, and again until enough was measured. What goes wrong in the attack itself is a sentence. */
const attackFor = async (attack: Attack, attacker: Attacker, durationMs: number): Promise<string | undefined> => {
  const until = performance.now() + durationMs
  try {
    do {
      await attack.run(attacker)
      attacker.letGo()
    } while (performance.now() < until)
    return undefined
  } catch (error) {
    return `the attack ended early: ${error instanceof Error ? error.message : String(error)}`
  }
}

const notTried = (attack: Attack, why: string): AttackRow => ({
  attack,
  outcome: 'not tried',
  why: [why],
  answers: [],
  attempts: [],
  bystander: { before: latencyOf([]), during: latencyOf([]) },
  isHealthy: true,
  grownBytes: undefined,
  figure: undefined,
})
