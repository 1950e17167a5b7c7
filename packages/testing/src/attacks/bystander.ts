import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Target } from './target.js'

export type PhaseName = 'before' | 'during'
export type BystanderAsk = PhaseName | 'report'

export interface BystanderSettings {
  readonly url: string
  readonly ca: string | undefined
  readonly token: string | undefined
  readonly channel: string
  readonly perSecond: number
}

export interface BystanderReport {
  /** Milliseconds from publish to delivery, of each publication of the phase. */
  readonly latencies: Readonly<Record<PhaseName, readonly number[]>>
  /** What was lost, out of order, refused or closed; empty when nothing was. */
  readonly faults: readonly string[]
}

const PER_SECOND = 250

const PROGRAM = fileURLToPath(new URL('./bystander-process.js', import.meta.url))

/**
 * Somebody who does nothing wrong: a publisher at a steady rate and a subscriber, each with a connection of its own, in a
 * process of their own, so that what is measured is the node and not the attacker's own work or its collections of garbage.
 */
export class Bystander {
  readonly #process: ChildProcess
  readonly #ended: Promise<undefined>

  private constructor(child: ChildProcess) {
    this.#process = child
    // One that failed is told by the next report.
    this.#ended = new Promise((resolve) => {
      child.once('exit', () => resolve(undefined))
      child.on('error', () => resolve(undefined))
    })
  }

  /** Resolves once both are let in and publishing. Rejects when they are not in time. */
  static async start(target: Target, token: string | undefined): Promise<Bystander> {
    const settings: BystanderSettings = {
      url: target.url.href,
      ca: target.options.ca,
      token,
      channel: target.channel(`bystander-${randomUUID()}`),
      perSecond: PER_SECOND,
    }
    const child = fork(PROGRAM, { execArgv: [], serialization: 'advanced' })
    const bystander = new Bystander(child)
    child.send(settings)
    const ready = once(child, 'message', { signal: AbortSignal.timeout(READY_MS) }).then(() => true)
    if (await Promise.race([ready.catch(() => false), bystander.#ended])) return bystander
    await bystander.stop()
    throw new Error('the bystander was not let in, or may not publish and subscribe')
  }

  /** What is published from now on counts as this. */
  during(phase: PhaseName): void {
    this.#ask(phase)
  }

  /**
   * The latency while a thread of this process is busy and nobody is attacked, in milliseconds: on a machine of few cores an
   * attacker costs the bystander that much by being there.
   */
  async besideBusyThread(durationMs: number): Promise<Latency> {
    const busy = new Worker('for (;;);', { eval: true })
    this.during('during')
    await sleep(durationMs)
    await busy.terminate()
    const { latencies } = await this.report()
    return latencyOf(latencies.during)
  }

  /** What was seen since the last report, once everything published by now has come or is late. */
  async report(): Promise<BystanderReport> {
    const answer = new Promise<BystanderReport>((resolve) => this.#process.once('message', resolve))
    this.#ask('report')
    const report = await Promise.race([answer, this.#ended])
    return report ?? { latencies: { before: [], during: [] }, faults: ['the bystander’s process ended'] }
  }

  async stop(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#ended
  }

  #ask(ask: BystanderAsk): void {
    if (this.#process.connected) this.#process.send(ask)
  }
}

const READY_MS = 20_000

/** The latencies in milliseconds that 50 and 99 of 100 do not pass; undefined of nothing. */
export interface Latency {
  readonly p50Ms: number | undefined
  readonly p99Ms: number | undefined
}

export const latencyOf = (latencies: readonly number[]): Latency => {
  const sorted = [...latencies].sort((a, b) => a - b)
  const at = (share: number): number | undefined => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]
  return { p50Ms: at(0.5), p99Ms: at(0.99) }
}
