/** Bounds in milliseconds. */
export interface BackoffBounds {
  readonly minMs: number
  readonly maxMs: number
}

/** The longest wait before try number `attempt` (from 0): doubles with each. */
export const backoffCapMs = (attempt: number, { minMs, maxMs }: BackoffBounds): number =>
  Math.min(maxMs, minMs * 2 ** attempt)

/** Full jitter: anywhere up to the cap, so that clients cut off together do not come back together. */
export const backoffMs = (attempt: number, bounds: BackoffBounds): number =>
  Math.random() * backoffCapMs(attempt, bounds)
