/** How many lines of one key, and of all keys together, may be written in a minute. */
export interface LineRate {
  readonly perKey: number
  readonly inAll: number
}

const MINUTE_MS = 60_000

/**
 * Bounds what others can make a node write into its log. In each minute the first lines of a key are written and the others are
 * counted; at the end of the minute `unwritten` is told how many there were. The keys must be a set that peers cannot enlarge.
 */
export class LineBudget {
  readonly #rate: LineRate
  readonly #unwritten: (key: string, times: number) => void
  readonly #written = new Map<string, number>()
  readonly #skipped = new Map<string, number>()
  #writtenInAll = 0
  #minute: NodeJS.Timeout | undefined

  constructor(rate: LineRate, unwritten: (key: string, times: number) => void) {
    this.#rate = rate
    this.#unwritten = unwritten
  }

  /** Whether a line of this key may be written now. */
  take(key: string): boolean {
    this.#minute ??= setTimeout(() => this.flush(), MINUTE_MS).unref()
    const written = this.#written.get(key) ?? 0
    if (written >= this.#rate.perKey || this.#writtenInAll >= this.#rate.inAll) {
      this.#skipped.set(key, (this.#skipped.get(key) ?? 0) + 1)
      return false
    }
    this.#written.set(key, written + 1)
    this.#writtenInAll += 1
    return true
  }

  /** Ends the minute: tells what was not written, and counts from the start again. */
  flush(): void {
    clearTimeout(this.#minute)
    this.#minute = undefined
    const skipped = [...this.#skipped]
    this.#written.clear()
    this.#skipped.clear()
    this.#writtenInAll = 0
    for (const [key, times] of skipped) this.#unwritten(key, times)
  }
}
