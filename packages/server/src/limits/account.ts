import { type Rate, RateLimit } from './rate-limit.js'

/** The rates of one account. */
export interface AccountRates {
  /** Bytes of history, catching up and presence lists that are read and sent. */
  readonly pages: Rate
}

/**
 * What one user, or all anonymous clients of one address, may use together. It outlives connections: a rate does not begin
 * again with a reconnect.
 */
export class Account {
  /** Such as `user:ann` or `address:192.0.2.7`. */
  readonly key: string
  /** Sessions that use it. */
  sessions = 0
  readonly #rates: AccountRates
  // Made when they are needed: most accounts of a large node use few.
  #pages: RateLimit | undefined

  constructor(key: string, rates: AccountRates) {
    this.key = key
    this.#rates = rates
  }

  get pages(): RateLimit {
    return (this.#pages ??= new RateLimit(this.#rates.pages))
  }

  /** Whether a new account of the same key would be the same. */
  get isUnused(): boolean {
    return this.sessions === 0 && this.#pages?.isFull !== false
  }
}
