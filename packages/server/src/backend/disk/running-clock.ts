import type { Clock } from '../../clock.js'

/**
 * Milliseconds that the store has been open in all, over every start: neither the wall clock nor a stop moves it. What
 * passed after the last `encode` that reached the disk is lost at a crash, so a window measured with it never ends early.
 */
export class RunningClock {
  readonly #clock: Clock
  readonly #base: number
  readonly #startedAt: number

  constructor(clock: Clock, stored: Uint8Array | undefined) {
    this.#clock = clock
    this.#base = stored === undefined ? 0 : Buffer.from(stored).readDoubleLE(0)
    this.#startedAt = clock.monotonic()
  }

  /** Whole milliseconds. */
  now(): number {
    return Math.floor(this.#base + this.#clock.monotonic() - this.#startedAt)
  }

  encode(): Buffer {
    const value = Buffer.allocUnsafe(8)
    value.writeDoubleLE(this.now(), 0)
    return value
  }
}
