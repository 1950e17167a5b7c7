import type { GapReason } from '@tidings/protocol'
import { Excerpts } from './excerpt.js'
import type { History, HistoryEvent } from './history.js'

/** The promises of the delivery contract. */
export const PROMISES = ['C1', 'C2', 'C3', 'C4', 'C5', 'C6', 'C7'] as const
export type DeliveryPromise = (typeof PROMISES)[number]

export interface Violation {
  readonly promise: DeliveryPromise
  /** Names the check that failed. */
  readonly check: string
  /** One sentence. */
  readonly summary: string
  /** The events that show it, a line each. */
  readonly excerpt: readonly string[]
}

export interface Verdict {
  /** How many there are in all. */
  readonly violationCount: number
  /** The first of each check. */
  readonly violations: readonly Violation[]
  /** How often each promise was put to the test: 0 means that this history says nothing about it. */
  readonly eligible: Readonly<Record<DeliveryPromise, number>>
  readonly publications: number
  readonly deliveries: number
  readonly gaps: Readonly<Partial<Record<GapReason, number>>>
  /** Gaps that were allowed and not needed: nothing was missing, or the log had it all. */
  readonly needlessGaps: number
  readonly needlessExcerpts: readonly (readonly string[])[]
  readonly unknownOutcomes: number
}

const MAX_OF_A_CHECK = 3

/** Collects what the checks find. */
export class Findings {
  readonly #excerpts: Excerpts
  readonly #violations: Violation[] = []
  readonly #perCheck = new Map<string, number>()
  readonly #eligible: Record<DeliveryPromise, number> = { C1: 0, C2: 0, C3: 0, C4: 0, C5: 0, C6: 0, C7: 0 }
  readonly #gaps: Partial<Record<GapReason, number>> = {}
  readonly #needlessExcerpts: (readonly string[])[] = []
  #violationCount = 0
  #needlessGaps = 0
  #deliveries = 0
  #publications = 0
  #unknownOutcomes = 0

  constructor(history: History) {
    this.#excerpts = new Excerpts(history)
    for (const { kind } of history.events) {
      if (kind === 'item') this.#deliveries += 1
      if (kind === 'publish') this.#publications += 1
      if (kind === 'unknown') this.#unknownOutcomes += 1
    }
  }

  /** A check was made that could have failed. */
  eligible(promise: DeliveryPromise, count = 1): void {
    this.#eligible[promise] += count
  }

  violation(
    promise: DeliveryPromise,
    check: string,
    summary: string,
    events: readonly (HistoryEvent | undefined)[],
  ): void {
    this.#violationCount += 1
    const key = `${promise} ${check}`
    const count = (this.#perCheck.get(key) ?? 0) + 1
    this.#perCheck.set(key, count)
    if (count <= MAX_OF_A_CHECK) {
      this.#violations.push({ promise, check, summary, excerpt: this.#excerpts.of(events) })
    }
  }

  gap(reason: GapReason): void {
    this.#gaps[reason] = (this.#gaps[reason] ?? 0) + 1
  }

  needlessGap(events: readonly (HistoryEvent | undefined)[]): void {
    this.#needlessGaps += 1
    if (this.#needlessExcerpts.length < MAX_OF_A_CHECK) this.#needlessExcerpts.push(this.#excerpts.of(events))
  }

  verdict(): Verdict {
    return {
      violationCount: this.#violationCount,
      violations: this.#violations,
      eligible: this.#eligible,
      publications: this.#publications,
      deliveries: this.#deliveries,
      gaps: this.#gaps,
      needlessGaps: this.#needlessGaps,
      needlessExcerpts: this.#needlessExcerpts,
      unknownOutcomes: this.#unknownOutcomes,
    }
  }
}
