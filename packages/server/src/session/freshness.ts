import type { Heartbeat } from '../options.js'

/** How often heartbeats look at the sessions. */
export const tickMsOf = ({ intervalMs, deadlineMs }: Heartbeat): number =>
  Math.max(10, Math.min(1000, (deadlineMs - intervalMs) / 4))

/**
 * How long a connection can live after its last byte. A byte is noticed at the next tick, and the deadline at a tick as
 * well; a tick may come as late as the one after it.
 */
export const longestSilenceMs = (heartbeat: Heartbeat): number => heartbeat.deadlineMs + 4 * tickMsOf(heartbeat)

/** At least this part of a window is left for frames that are held up: a short pause of the process needs some of it. */
const HELD_PART = 1 / 3

/**
 * How long after the first sending a client may repeat a publish, so that the repeat arrives within the dedupe window
 * even if a dying connection holds it up.
 */
export const retryWindowMsOf = (dedupeWindowMs: number, heartbeat: Heartbeat): number =>
  dedupeWindowMs - Math.ceil(Math.max(longestSilenceMs(heartbeat), dedupeWindowMs * HELD_PART))

export interface FreshnessRules {
  /** Milliseconds; counts time in which this process stood still. */
  readonly monotonic: () => number
  /** What arrives may be this old. */
  readonly maxAgeMs: number
}

/**
 * How old the frames of one connection can be. Frames carry no time, but they come in order: a frame arrives after the
 * frame before it, so the time since that one tells how long the network, the operating system or a pause of this process
 * may have held it.
 */
export class Freshness {
  readonly #rules: FreshnessRules
  #heardAtMs: number

  /** The connection has just been made. */
  constructor(rules: FreshnessRules) {
    this.#rules = rules
    this.#heardAtMs = rules.monotonic()
  }

  /**
   * A frame arrived, control frames included. Returns when the frame before it arrived, or undefined if that is too long
   * ago: this frame, and what follows, may repeat a publish whose id is forgotten.
   */
  arrived(): number | undefined {
    const before = this.#heardAtMs
    const now = this.#rules.monotonic()
    if (now - before > this.#rules.maxAgeMs) return undefined
    this.#heardAtMs = now
    return before
  }
}
