interface Counted {
  readonly account: string
  readonly number: number
  count: number
}

/** Short numbers for accounts that have entries, and how many each has. 0 is nobody's. */
export class AccountNumbers {
  readonly #byAccount = new Map<string, Counted>()
  readonly #byNumber = new Map<number, Counted>()
  #last = 0

  /** The account's number, which is its own as long as it has entries. */
  numberOf(account: string): number {
    let counted = this.#byAccount.get(account)
    if (counted === undefined) {
      counted = { account, number: this.#free(), count: 0 }
      this.#byAccount.set(account, counted)
      this.#byNumber.set(counted.number, counted)
    }
    return counted.number
  }

  countOf(account: string): number {
    return this.#byAccount.get(account)?.count ?? 0
  }

  add(number: number): void {
    const counted = this.#byNumber.get(number)
    if (counted !== undefined) counted.count += 1
  }

  remove(number: number): void {
    const counted = this.#byNumber.get(number)
    if (counted === undefined) return
    counted.count -= 1
    if (counted.count > 0) return
    this.#byNumber.delete(number)
    this.#byAccount.delete(counted.account)
  }

  clear(): void {
    this.#byAccount.clear()
    this.#byNumber.clear()
  }

  #free(): number {
    do this.#last = (this.#last % 0xffffffff) + 1
    while (this.#byNumber.has(this.#last))
    return this.#last
  }
}
