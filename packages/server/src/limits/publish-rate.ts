import type { Account } from './account.js'
import { type Rate, RateLimit } from './rate-limit.js'

/** What one account has of a channel's rate while others publish too. */
const SHARE = 1 / 4
/** How long others count as publishing after they did, or tried. */
const OTHERS_MS = 10_000
const MIN_TIDIED = 1000

/**
 * The rate at which clients may publish to one channel. Whoever publishes alone may use all of it; while others publish too, an
 * account gets a quarter. A quarter more than the burst is kept for those who stay within theirs, so that one account that has
 * used up everything does not silence the next one.
 */
export class PublishRate {
  readonly #rate: Rate
  readonly #total: RateLimit
  /** Who published, or tried to, and when. */
  #latest: Account | undefined
  #latestAtMs = -Infinity
  /** When that was somebody else than before. */
  #changedAtMs = -Infinity
  #shares: Map<Account, RateLimit> | undefined
  #tidyAt = MIN_TIDIED

  constructor(rate: Rate) {
    this.#rate = rate
    this.#total = new RateLimit(rate)
  }

  /** false: too many, of everybody together or of this account while others publish. */
  take(account: Account): boolean {
    if (this.#isAlone(account)) return this.#total.take()
    return this.#shareOf(account).take() && this.#total.take(this.#rate.burst * SHARE)
  }

  /** Whether nothing of it is used, so that a new one would be the same. */
  get isFull(): boolean {
    return this.#total.isFull && this.#rate.monotonic() - this.#changedAtMs >= OTHERS_MS
  }

  #isAlone(account: Account): boolean {
    const nowMs = this.#rate.monotonic()
    if (this.#latest !== account && nowMs - this.#latestAtMs < OTHERS_MS) this.#changedAtMs = nowMs
    this.#latest = account
    this.#latestAtMs = nowMs
    if (nowMs - this.#changedAtMs < OTHERS_MS) return false
    this.#shares = undefined
    return true
  }

  #shareOf(account: Account): RateLimit {
    this.#shares ??= new Map()
    let share = this.#shares.get(account)
    if (share === undefined) {
      if (this.#shares.size >= this.#tidyAt) this.#tidy(this.#shares)
      const { perSecond, burst, monotonic } = this.#rate
      share = new RateLimit({ perSecond: perSecond * SHARE, burst: Math.max(1, burst * SHARE), monotonic })
      this.#shares.set(account, share)
    }
    return share
  }

  #tidy(shares: Map<Account, RateLimit>): void {
    for (const [account, share] of shares) if (share.isFull) shares.delete(account)
    this.#tidyAt = Math.max(MIN_TIDIED, 2 * shares.size)
  }
}
