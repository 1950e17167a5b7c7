/** The two clocks of a node, injected so that tests can move them. */
export interface Clock {
  /** Wall clock, milliseconds since 1970; may jump either way. */
  now(): number
  /** Monotonic milliseconds from an arbitrary start; never falls. */
  monotonic(): number
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
}
