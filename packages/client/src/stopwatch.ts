import type { ClientClock } from './options.js'

/** Tells the milliseconds since now. */
export type Stopwatch = () => number

/** By the clock that says more: one stands still in a sleeping machine, the other may be set. */
export const startStopwatch = (clock: ClientClock): Stopwatch => {
  const monotonicMs = clock.monotonicMs()
  const wallMs = clock.wallMs()
  return () => Math.max(clock.monotonicMs() - monotonicMs, clock.wallMs() - wallMs)
}
