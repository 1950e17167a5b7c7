/** So many a second, after so many at once. */
export interface Rate {
  readonly perSecond: number
  readonly burst: number
  /** Milliseconds. */
  readonly monotonic: () => number
}

/** A token bucket, kept as the time at which it would be full again. */
export class RateLimit {
  readonly #rate: Rate
  #fullAt = 0

  constructor(rate: Rate) {
    this.#rate = rate
  }

  /** false: too many. `reserve`: how many more than the burst this caller may take. */
  take(reserve = 0): boolean {
    const { perSecond, burst, monotonic } = this.#rate
    const now = monotonic()
    // Not as a difference of two times: it would be rounded, and a burst of one refused at random.
    const usedMs = Math.max(0, this.#fullAt - now) + 1000 / perSecond
    if (usedMs > ((burst + reserve) * 1000) / perSecond) return false
    this.#fullAt = now + usedMs
    return true
  }

  /** Takes them whatever is left. Milliseconds until that would have been allowed, from 0. */
  charge(amount: number): number {
    const { perSecond, burst, monotonic } = this.#rate
    const now = monotonic()
    this.#fullAt = Math.max(this.#fullAt, now) + (amount * 1000) / perSecond
    return Math.max(0, this.#fullAt - now - (burst * 1000) / perSecond)
  }

  /** Whether one more would be allowed. */
  get hasRoom(): boolean {
    const { perSecond, burst, monotonic } = this.#rate
    return Math.max(0, this.#fullAt - monotonic()) + 1000 / perSecond <= (burst * 1000) / perSecond
  }

  /** Whether nothing of it is used, so that a new one would be the same. */
  get isFull(): boolean {
    return this.#fullAt <= this.#rate.monotonic()
  }
}
