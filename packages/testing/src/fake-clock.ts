import type { Clock } from '@tidings/server'

/** A clock that moves only when told to. */
export class FakeClock implements Clock {
  #wall = Date.UTC(2026, 0, 1)
  #monotonic = 0

  now(): number {
    return this.#wall
  }

  monotonic(): number {
    return this.#monotonic
  }

  /** Time passes. */
  advance(ms: number): void {
    this.#wall += ms
    this.#monotonic += ms
  }

  /** Somebody sets the wall clock; no time passes. */
  jump(ms: number): void {
    this.#wall += ms
  }
}
