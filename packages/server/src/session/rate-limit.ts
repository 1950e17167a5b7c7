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

  /** false: too many. */
  take(): boolean {
    const { perSecond, burst, monotonic } = this.#rate
    const now = monotonic()
    const fullAt = Math.max(this.#fullAt, now) + 1000 / perSecond
    if (fullAt - now > (burst * 1000) / perSecond) return false
    this.#fullAt = fullAt
    return true
  }
}
