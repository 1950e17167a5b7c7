import { BackendError } from './backend.js'

/** The part of what all use that one account may have: the others keep the rest. */
export const SHARE = 1 / 4

/** How much of one shared store each account has: bytes, names or ids. What the application itself stores is not counted. */
export class Shares {
  readonly #most: number
  readonly #held = new Map<string, number>()

  constructor(whole: number) {
    this.#most = whole * SHARE
  }

  hasRoom(account: string | undefined, amount: number): boolean {
    return account === undefined || (this.#held.get(account) ?? 0) + amount <= this.#most
  }

  add(account: string | undefined, amount: number): void {
    if (account !== undefined) this.#held.set(account, (this.#held.get(account) ?? 0) + amount)
  }

  remove(account: string | undefined, amount: number): void {
    if (account === undefined) return
    const left = (this.#held.get(account) ?? 0) - amount
    if (left > 0) this.#held.set(account, left)
    else this.#held.delete(account)
  }

  clear(): void {
    this.#held.clear()
  }
}

/** `what` is what would be too much of. */
export const overShare = (what: string): BackendError =>
  new BackendError('over-share', `You have as much of the server’s ${what} as one user may.`)
