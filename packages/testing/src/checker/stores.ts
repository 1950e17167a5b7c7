import type { Durability } from '@tidings/protocol'
import type { ChannelFacts, History } from './history.js'

/** A store that was wiped or restored is another one. */
interface StoreEra {
  readonly number: number
  /** The one it was copied from, and when. */
  readonly copiedFrom: { readonly era: StoreEra; readonly atMs: number } | undefined
}

/** When and where two logs of one channel went different ways. */
export type Parting =
  | { readonly kind: 'same' }
  /** They share what was stored before this time. */
  | { readonly kind: 'copied'; readonly atMs: number }
  /** They share nothing. */
  | { readonly kind: 'strangers' }
  /**
   * In between the channel had other rules. `isLossy`: one of the two logs, or what was published in between, is lost for
   * certain, and a subscription that goes on is owed a gap. If not, a gap is as right as none.
   */
  | { readonly kind: 'rules-changed'; readonly isLossy: boolean }

/** Which runs of the node had which store, and which rules. */
export class Stores {
  readonly #eraOfRun = new Map<number, StoreEra>()
  readonly #changedTo = new Map<number, Durability>()
  /** Channels and runs in which something was acknowledged. */
  readonly #acknowledged = new Set<string>()

  constructor(history: History) {
    const copies = new Map<string, { readonly era: StoreEra; readonly atMs: number }>()
    const channelOf = new Map<number, string>()
    let era: StoreEra = { number: 0, copiedFrom: undefined }
    let count = 0
    for (const event of history.events) {
      if (event.kind === 'store-copied') copies.set(event.copy, { era, atMs: event.atMs })
      if (event.kind === 'publish') channelOf.set(event.attempt, event.channel)
      if (event.kind === 'acknowledged' && event.run !== undefined) {
        this.#acknowledged.add(`${channelOf.get(event.attempt) ?? ''} ${event.run}`)
      }
      if (event.kind !== 'node-started') continue
      if (event.changedTo !== undefined) this.#changedTo.set(event.run, event.changedTo)
      if (event.store === 'kept') {
        if (event.of !== undefined) era = this.#eraOfRun.get(event.of) ?? era
      } else {
        count += 1
        const copiedFrom = event.store === 'restored' ? copies.get(event.copy) : undefined
        era = { number: count, copiedFrom }
      }
      this.#eraOfRun.set(event.run, era)
    }
  }

  /** What the rules of a channel said in a run. */
  durabilityOf(channel: ChannelFacts, run: number | undefined): Durability {
    const changedTo = run === undefined ? undefined : this.#changedTo.get(run)
    return channel.hasChangingRules === true && changedTo !== undefined ? changedTo : channel.durability
  }

  /** Names the one log that a channel had in a run: publications of the same log have one order. */
  logOf(channel: ChannelFacts, run: number): string {
    if (!this.#isKept(channel, run)) return `${channel.name} of run ${run}`
    // After a run with other rules the log may have begun again.
    const changes = this.#changedRuns(channel, 0, run).length
    return `${eraLog(channel, this.#eraOfRun.get(run))}${changes === 0 ? '' : ` after ${changes} changes`}`
  }

  /** Whether a channel's log of one run still is that of another. */
  parting(channel: ChannelFacts, before: number, after: number): Parting {
    if (before === after) return { kind: 'same' }
    const changed = this.#changedRuns(channel, before, after)
    if (changed.length > 0 || this.#changedRuns(channel, before - 1, before).length > 0) {
      return { kind: 'rules-changed', isLossy: this.#isLossy(channel, before, after, changed) }
    }
    if (!this.#isKept(channel, after)) return { kind: 'strangers' }
    const mine = ancestors(this.#eraOfRun.get(before))
    let era = this.#eraOfRun.get(after)
    let atMs: number | undefined
    while (era !== undefined) {
      if (mine.has(era)) break
      atMs = era.copiedFrom?.atMs
      era = era.copiedFrom?.era
    }
    if (era === undefined) return { kind: 'strangers' }
    const leftMs = mine.get(era)
    const parted = Math.min(atMs ?? Infinity, leftMs ?? Infinity)
    return parted === Infinity ? { kind: 'same' } : { kind: 'copied', atMs: parted }
  }

  /** What a run's log was copied from. */
  copiedFrom(channel: ChannelFacts, run: number): { readonly log: string; readonly atMs: number } | undefined {
    const copied = this.#isKept(channel, run) ? this.#eraOfRun.get(run)?.copiedFrom : undefined
    return copied === undefined ? undefined : { log: eraLog(channel, copied.era), atMs: copied.atMs }
  }

  /** Whether its publications survive the process in a run. */
  #isKept(channel: ChannelFacts, run: number): boolean {
    const durability = this.durabilityOf(channel, run)
    return durability === 'disk' || durability === 'replicated'
  }

  /** Runs after `from` and up to `to` in which the channel had other rules than its facts say. */
  #changedRuns({ hasChangingRules }: ChannelFacts, from: number, to: number): readonly number[] {
    if (hasChangingRules !== true) return []
    return [...this.#changedTo.keys()].filter((run) => run > from && run <= to)
  }

  /** Whether the log of either run does not outlive it, or something was acknowledged that no log of `after` can have. */
  #isLossy(channel: ChannelFacts, before: number, after: number, changed: readonly number[]): boolean {
    if (!this.#isKept(channel, before) || !this.#isKept(channel, after)) return true
    return changed.some((run) => !this.#isKept(channel, run) && this.#acknowledged.has(`${channel.name} ${run}`))
  }
}

const eraLog = ({ name }: ChannelFacts, era: StoreEra | undefined): string => `${name} ${era?.number ?? 0}`

/** An era and those it was copied from, each with the time at which this line left it. */
const ancestors = (era: StoreEra | undefined): Map<StoreEra, number | undefined> => {
  const found = new Map<StoreEra, number | undefined>()
  let leftMs: number | undefined
  for (let each = era; each !== undefined; each = each.copiedFrom?.era) {
    found.set(each, leftMs)
    leftMs = each.copiedFrom?.atMs
  }
  return found
}
