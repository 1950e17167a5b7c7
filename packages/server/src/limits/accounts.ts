import { Account, type AccountRates } from './account.js'

/** How many there are before those that are not in use are forgotten. */
const MIN_TIDIED = 10_000

export interface AccountsParts {
  readonly user: AccountRates
  /** Of all anonymous clients of an address together. */
  readonly address: AccountRates
}

/** The accounts of a node. Each is kept while something holds it or one of its rates is not full again. */
export class Accounts {
  readonly #parts: AccountsParts
  readonly #accounts = new Map<string, Account>()
  #tidyAt = MIN_TIDIED

  constructor(parts: AccountsParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#accounts.size
  }

  ofUser(id: string): Account {
    return this.#get(`user:${id}`, this.#parts.user)
  }

  /** `group`: an IPv4 address or an IPv6 /64, as `addressGroup` gives it. */
  ofAddress(group: string): Account {
    return this.#get(`address:${group}`, this.#parts.address)
  }

  #get(key: string, rates: AccountRates): Account {
    const known = this.#accounts.get(key)
    if (known !== undefined) return known
    if (this.#accounts.size >= this.#tidyAt) this.#tidy()
    const account = new Account(key, rates)
    this.#accounts.set(key, account)
    return account
  }

  #tidy(): void {
    for (const [key, account] of this.#accounts) if (account.isUnused) this.#accounts.delete(key)
    this.#tidyAt = Math.max(MIN_TIDIED, 2 * this.#accounts.size)
  }
}
