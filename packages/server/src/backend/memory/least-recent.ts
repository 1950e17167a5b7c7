import type { ChannelLog } from './channel-log.js'

/**
 * The logs that keep publications, in the order of their latest publish, and the memory they take in all. A linked list
 * through the logs themselves: a publish moves one to the end without allocating.
 */
export class LeastRecent {
  bytes = 0
  #oldest: ChannelLog | null = null
  #newest: ChannelLog | null = null

  get oldest(): ChannelLog | null {
    return this.#oldest
  }

  /** Makes the log the most recent, and counts it anew. */
  published(log: ChannelLog): void {
    if (log !== this.#newest && log.memoryBytes > 0) {
      if (log.countedBytes > 0) this.#unlink(log)
      this.#append(log)
    }
    this.settle(log)
  }

  /** Counts the log anew; one that keeps nothing any more leaves. */
  settle(log: ChannelLog): void {
    const bytes = log.memoryBytes
    this.bytes += bytes - log.countedBytes
    if (bytes === 0 && log.countedBytes > 0) this.#unlink(log)
    log.countedBytes = bytes
  }

  clear(): void {
    this.bytes = 0
    this.#oldest = null
    this.#newest = null
  }

  #append(log: ChannelLog): void {
    log.older = this.#newest
    log.newer = null
    if (this.#newest === null) this.#oldest = log
    else this.#newest.newer = log
    this.#newest = log
  }

  #unlink(log: ChannelLog): void {
    if (log.older === null) this.#oldest = log.newer
    else log.older.newer = log.newer
    if (log.newer === null) this.#newest = log.older
    else log.newer.older = log.older
    log.older = null
    log.newer = null
  }
}
