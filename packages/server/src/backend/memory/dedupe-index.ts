import type { NewPublication, StoredPublication } from '../backend.js'
import { payloadHash, shortHash } from '../fingerprint.js'
import { type IdEntry, IdTable } from '../id-table.js'
import type { ChannelLog } from './channel-log.js'

/** Slots of the table looked at with each publish, so that what has expired goes as fast as something comes. */
const SWEPT_AT_PUBLISH = 16
/** … while it is full. */
const SWEPT_WHEN_FULL = 1024
/** … and the part of it that is looked at now and then in any case. */
const SWEPT_PART = 16

/** What a publish is known by: hashes, one byte a character. */
export interface PublicationKey {
  readonly key: string
  readonly payloadHash: string
}

/** The ids of all channels within their windows. Times are monotonic milliseconds. */
export class DedupeIndex {
  readonly #table = new IdTable()
  /** Logs with ids, by their number. */
  readonly #logs = new Map<number, ChannelLog>()
  readonly #maxEntries: number

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries
  }

  /** The log's epoch stands for the channel: what another log of the same name remembers is another thing. */
  keyOf(log: ChannelLog, publication: NewPublication): PublicationKey {
    const { scope, id } = publication
    return {
      key: shortHash(`${log.epoch.length}:${log.epoch}${scope.length}:${scope}${id}`),
      payloadHash: payloadHash(publication),
    }
  }

  /** What is remembered of an id within its window. */
  find({ key }: PublicationKey, now: number): IdEntry | undefined {
    const entry = this.#table.get(key)
    return entry === undefined || entry.expiresAt <= now ? undefined : entry
  }

  /** Whether one more id may be remembered. */
  hasRoom(now: number): boolean {
    this.sweep(now, SWEPT_AT_PUBLISH)
    if (this.#table.size >= this.#maxEntries) this.sweep(now, SWEPT_WHEN_FULL)
    return this.#table.size < this.#maxEntries
  }

  add(log: ChannelLog, { key, payloadHash: hash }: PublicationKey, stored: StoredPublication, expiresAt: number): void {
    const { offset, time } = stored
    // An expired one of the same id may still be there, and be this log's already.
    if (!this.#table.set(key, { payloadHash: hash, offset, time, expiresAt, tag: log.number })) return
    log.idCount += 1
    this.#logs.set(log.number, log)
  }

  /** Looks at so many more slots of the table, and forgets the ids there whose window is over. */
  sweep(now: number, slots = this.#table.size / SWEPT_PART + SWEPT_WHEN_FULL): void {
    this.#table.sweep(now, slots, this.#forgotten)
  }

  clear(): void {
    this.#table.clear()
    this.#logs.clear()
  }

  readonly #forgotten = (number: number): void => {
    const log = this.#logs.get(number)
    if (log === undefined) return
    log.idCount -= 1
    if (log.idCount === 0) this.#logs.delete(number)
  }
}
