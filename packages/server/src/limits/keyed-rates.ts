import { type Rate, RateLimit } from './rate-limit.js'

/** Keys that are looked through for those that can be forgotten, at least. */
const SWEEP_AT = 4096

/**
 * One rate for each key, such as the address of a client, whatever connections the key has. A key that has used nothing
 * lately takes no memory.
 */
export class KeyedRates {
  readonly #rate: Rate
  readonly #limits = new Map<string, RateLimit>()
  #sweepAt = SWEEP_AT

  constructor(rate: Rate) {
    this.#rate = rate
  }

  /** false: too many of this key. */
  take(key: string): boolean {
    let limit = this.#limits.get(key)
    if (limit === undefined) {
      if (this.#limits.size >= this.#sweepAt) this.#sweep()
      limit = new RateLimit(this.#rate)
      this.#limits.set(key, limit)
    }
    return limit.take()
  }

  /** How many keys it remembers. */
  get size(): number {
    return this.#limits.size
  }

  /** Forgets the keys for which a new limit would be the same. */
  #sweep(): void {
    for (const [key, limit] of this.#limits) if (limit.isFull) this.#limits.delete(key)
    this.#sweepAt = Math.max(SWEEP_AT, this.#limits.size * 2)
  }
}
