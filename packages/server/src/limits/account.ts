import { type Rate, RateLimit } from './rate-limit.js'

/** The rates of one account. */
export interface AccountRates {
  /** Commands other than publish and ping. */
  readonly commands: Rate
  /** Bytes that its connections send. */
  readonly bytes: Rate
  /** Bytes of history, catching up and member lists that are read and sent. */
  readonly pages: Rate
  /** Of a user: connect commands that succeed. Of an address: handshakes. */
  readonly connects: Rate
  /** Of an address: tokens that do not hold. */
  readonly failedTokens: Rate
}

/**
 * What one user, or one address, may use over all of its connections. Anonymous clients have the account of their address. It
 * outlives connections: a rate does not begin again with a reconnect.
 */
export class Account {
  /** Such as `user:ann` or `address:192.0.2.7`. */
  readonly key: string
  /** Connections and sessions that hold it. */
  holders = 0
  readonly #rates: AccountRates
  // Made when they are needed: most accounts of a large node use few.
  #commands: RateLimit | undefined
  #bytes: RateLimit | undefined
  #pages: RateLimit | undefined
  #connects: RateLimit | undefined
  #failedTokens: RateLimit | undefined

  constructor(key: string, rates: AccountRates) {
    this.key = key
    this.#rates = rates
  }

  get commands(): RateLimit {
    return (this.#commands ??= new RateLimit(this.#rates.commands))
  }

  get bytes(): RateLimit {
    return (this.#bytes ??= new RateLimit(this.#rates.bytes))
  }

  get pages(): RateLimit {
    return (this.#pages ??= new RateLimit(this.#rates.pages))
  }

  get connects(): RateLimit {
    return (this.#connects ??= new RateLimit(this.#rates.connects))
  }

  get failedTokens(): RateLimit {
    return (this.#failedTokens ??= new RateLimit(this.#rates.failedTokens))
  }

  /** Whether a new account of the same key would be the same. */
  get isUnused(): boolean {
    const all = [this.#commands, this.#bytes, this.#pages, this.#connects, this.#failedTokens]
    return this.holders === 0 && all.every((rate) => rate === undefined || rate.isFull)
  }
}
