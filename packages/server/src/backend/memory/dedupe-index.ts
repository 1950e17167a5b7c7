import type { Durability } from '@tidings/protocol'
import type { NewPublication, PublishResult, StoredPublication } from '../backend.js'
import { Deque } from '../deque.js'
import type { ChannelLog } from './channel-log.js'

/** A publish that was accepted, for as long as its channel's window says. */
export interface RememberedId {
  readonly log: ChannelLog
  readonly key: string
  readonly fingerprint: string
  readonly offset: number
  readonly time: number
  readonly durability: Durability
  /** Monotonic milliseconds, whole: a small integer needs no memory of its own. */
  readonly expiresAt: number
}

/** What a repeated publish is answered with. */
export const repeatedResult = ({ log, offset, time, durability }: RememberedId): PublishResult => ({
  position: log.positionOf(offset),
  offset,
  time,
  durability,
  duplicate: true,
})

export interface DedupeWindow {
  readonly durability: Durability
  /** Monotonic milliseconds. */
  readonly now: number
  readonly windowMs: number
}

/** Scope and id as one key; the length in front keeps two scopes apart whatever they hold. */
export const idKey = ({ scope, id }: NewPublication): string => `${scope.length}:${scope}${id}`

/**
 * The ids of all channels within their windows. Entries with the same window expire in the order they came, so there is
 * one queue a window, and expiring costs nothing beside the entries that go.
 */
export class DedupeIndex {
  readonly #queues = new Map<number, Deque<RememberedId>>()
  readonly #maxEntries: number
  #count = 0

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries
  }

  get isFull(): boolean {
    return this.#count >= this.#maxEntries
  }

  add(log: ChannelLog, key: string, fingerprint: string, stored: StoredPublication, window: DedupeWindow): void {
    const { durability, windowMs, now } = window
    const expiresAt = Math.ceil(now + windowMs)
    const entry: RememberedId = {
      log,
      key,
      fingerprint,
      offset: stored.offset,
      time: stored.time,
      durability,
      expiresAt,
    }
    log.ids ??= new Map()
    log.ids.set(key, entry)
    let queue = this.#queues.get(windowMs)
    if (queue === undefined) {
      queue = new Deque()
      this.#queues.set(windowMs, queue)
    }
    queue.push(entry)
    this.#count += 1
  }

  /** Forgets every id whose window is over. */
  expire(now: number): void {
    for (const [windowMs, queue] of this.#queues) {
      let entry = queue.at(0)
      while (entry !== undefined && entry.expiresAt <= now) {
        queue.shift()
        entry.log.ids?.delete(entry.key)
        this.#count -= 1
        entry = queue.at(0)
      }
      if (queue.length === 0) this.#queues.delete(windowMs)
    }
  }

  clear(): void {
    this.#queues.clear()
    this.#count = 0
  }
}
