import type { StoredPublication } from '../backend.js'
import type { PublicationKey } from '../fingerprint.js'
import { type IdEntry, IdTable } from '../id-table.js'
import type { ChannelLog } from './channel-log.js'

/**
 * The ids of all channels within their windows, by keys in which a log's epoch stands for the channel: what another log of
 * the same name remembers is another thing. Times are monotonic milliseconds.
 */
export class DedupeIndex {
  readonly #table: IdTable
  /** Logs with ids, by their number. */
  readonly #logs = new Map<number, ChannelLog>()

  constructor(maxEntries: number) {
    this.#table = new IdTable(maxEntries, (number) => this.#forgotten(number))
  }

  /** What is remembered of an id within its window. */
  find({ key }: PublicationKey, now: number): IdEntry | undefined {
    const entry = this.#table.get(key)
    return entry === undefined || entry.expiresAt <= now ? undefined : entry
  }

  hasShare(account: string | undefined, now: number): boolean {
    return this.#table.hasShare(account, now)
  }

  hasRoom(now: number): boolean {
    return this.#table.hasRoom(now)
  }

  add(
    log: ChannelLog,
    { key, payloadHash }: PublicationKey,
    { offset, time }: StoredPublication,
    expiresAt: number,
    account: string | undefined,
  ): void {
    // An expired one of the same id may still be there, and be this log's already.
    if (!this.#table.set(key, { payloadHash, offset, time, expiresAt, tag: log.number }, account)) return
    log.idCount += 1
    this.#logs.set(log.number, log)
  }

  tidy(now: number): void {
    this.#table.tidy(now)
  }

  clear(): void {
    this.#table.clear()
    this.#logs.clear()
  }

  #forgotten(number: number): void {
    const log = this.#logs.get(number)
    if (log === undefined) return
    log.idCount -= 1
    if (log.idCount === 0) this.#logs.delete(number)
  }
}
