import type { Log, LogChannel } from '../backend/backend.js'
import type { Turn } from '../transport/turn.js'
import { Feed } from './feed.js'
import { Shared } from './shared.js'

/** How often a feed whose notices are hints is compared with the log's tail: half of what a subscriber may wait at most. */
const AUDIT_INTERVAL_MS = 5000
const AUDIT_BATCH = 1000

/** A channel, and who pays for its name if nobody uses it yet. */
interface Subject {
  readonly channel: LogChannel
  readonly account: string | undefined
}

/** The node's channels with local subscriptions: one feed each, while anybody uses it. */
export class Hub {
  readonly #log: Log
  readonly #feeds: Shared<Subject, Feed>
  readonly #auditTimer: NodeJS.Timeout | undefined

  constructor(log: Log, turn: Turn, auditIntervalMs = AUDIT_INTERVAL_MS) {
    this.#log = log
    this.#feeds = new Shared(
      ({ channel }) => channel.name,
      ({ channel, account }) => new Feed(channel, log, turn, account),
    )
    if (log.notices === 'hints') {
      this.#auditTimer = setInterval(() => void this.#audit(), auditIntervalMs)
      this.#auditTimer.unref()
    }
  }

  /** Whether anybody on this node subscribes to it, or is about to. */
  isUsed(name: string): boolean {
    return this.#feeds.has(name)
  }

  /** Channels with subscriptions on this node. */
  get channelCount(): number {
    return this.#feeds.size
  }

  /**
   * The channel's feed, started, with its cursor behind nothing that was acknowledged before the call (unless notices are
   * hints). Give it back with `release`. Rejects with BackendError; then nothing is held.
   */
  async acquire(channel: LogChannel, account?: string): Promise<Feed> {
    if (this.#log.noticed !== undefined) await this.#log.noticed()
    return this.#feeds.acquire({ channel, account })
  }

  release(feed: Feed): void {
    this.#feeds.release({ channel: feed.channel, account: undefined }, feed)
  }

  close(): void {
    clearInterval(this.#auditTimer)
    this.#feeds.stopAll()
  }

  async #audit(): Promise<void> {
    const feeds = this.#feeds.values()
    for (let start = 0; start < feeds.length; start += AUDIT_BATCH) {
      const batch = feeds.slice(start, start + AUDIT_BATCH)
      try {
        const tails = await this.#log.tails(batch.map(({ channel }) => channel))
        for (const [index, tail] of tails.entries()) batch[index]?.audit(tail)
      } catch {
        return // The backend is away; the next round asks again.
      }
    }
  }
}
