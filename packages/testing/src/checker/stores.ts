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

/** Which runs of the node had which store. */
export class Stores {
  readonly #eraOfRun = new Map<number, StoreEra>()

  constructor(history: History) {
    const copies = new Map<string, { readonly era: StoreEra; readonly atMs: number }>()
    let era: StoreEra = { number: 0, copiedFrom: undefined }
    let count = 0
    for (const event of history.events) {
      if (event.kind === 'store-copied') copies.set(event.copy, { era, atMs: event.atMs })
      if (event.kind !== 'node-started') continue
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

  /** Names the one log that a channel had in a run: publications of the same log have one order. */
  logOf(channel: ChannelFacts, run: number): string {
    const number = isKept(channel) ? (this.#eraOfRun.get(run)?.number ?? 0) : run
    return `${channel.name} ${number}`
  }

  /** Whether a channel's log of one run still is that of another. */
  parting(channel: ChannelFacts, before: number, after: number): Parting {
    if (before === after) return { kind: 'same' }
    if (!isKept(channel)) return { kind: 'strangers' }
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
    const copied = isKept(channel) ? this.#eraOfRun.get(run)?.copiedFrom : undefined
    return copied === undefined ? undefined : { log: `${channel.name} ${copied.era.number}`, atMs: copied.atMs }
  }
}

/** Whether its publications survive the process. */
export const isKept = ({ durability }: ChannelFacts): boolean => durability === 'disk' || durability === 'replicated'

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
