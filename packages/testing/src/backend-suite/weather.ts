import { BackendError } from '@tidings/server'
import type { Random } from '../random.js'
import type { UnreliableRates } from './unreliable.js'

/** What a refused call, and one whose answer is lost, rejects with. */
export const unavailable = (): BackendError => new BackendError('unavailable', 'The backend cannot be reached.')

/** What the day is like: whether calls come through, and how late answers and notices are. */
export class Weather {
  rates: UnreliableRates
  isOut = false
  readonly random: Random
  readonly #timers = new Map<NodeJS.Timeout, () => void>()

  constructor(random: Random, rates: UnreliableRates) {
    this.random = random
    this.rates = rates
  }

  /** Whether a call made now comes to nothing. */
  fails(): boolean {
    return this.isOut || this.random.chance(this.rates.failing)
  }

  /**
   * Makes a call that changes nothing when it fails. It is late on its way and on its way back, and an outage hits it on
   * either; `undo` lets go of what it made for nothing.
   */
  async call<Result>(run: () => Promise<Result>, undo: (result: Result) => void = () => undefined): Promise<Result> {
    const fails = this.fails()
    await this.delay()
    if (fails || this.#isDown()) throw unavailable()
    const result = await run()
    await this.delay()
    if (this.#isDown()) {
      undo(result)
      throw unavailable()
    }
    return result
  }

  /** Resolves up to `maxDelayMs` later; at once when the backend closes. */
  delay(): Promise<void> {
    return new Promise((resolve) => this.later(resolve))
  }

  /** Runs something up to `maxDelayMs` later; at once when the backend closes. */
  later(run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      run()
    }, this.random.next() * this.rates.maxDelayMs)
    this.#timers.set(timer, run)
  }

  close(): void {
    const pending = [...this.#timers]
    this.#timers.clear()
    for (const [timer, run] of pending) {
      clearTimeout(timer)
      run()
    }
  }

  /** A call, because the answer changes while calls are under way. */
  #isDown(): boolean {
    return this.isOut
  }
}
