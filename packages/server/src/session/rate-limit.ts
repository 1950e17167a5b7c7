/** A token bucket: so many a second after a burst. Monotonic time in milliseconds. */
export class RateLimit {
  readonly #perSecond: number
  readonly #burst: number
  readonly #monotonic: () => number
  #left: number
  #at: number

  constructor(perSecond: number, burst: number, monotonic: () => number) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#monotonic = monotonic
    this.#left = burst
    this.#at = monotonic()
  }

  /** false: too many. */
  take(): boolean {
    const now = this.#monotonic()
    this.#left = Math.min(this.#burst, this.#left + ((now - this.#at) / 1000) * this.#perSecond)
    this.#at = now
    if (this.#left < 1) return false
    this.#left -= 1
    return true
  }
}
