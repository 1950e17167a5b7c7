import { type Rate, RateLimit } from '../limits/rate-limit.js'

/** How much a connection sends between two looks at the clock: a look for every frame would show. */
const STEP_BYTES = 16_384

/** What the rate regulates. */
export interface Throttled {
  pause(): void
  resume(): void
  /** It begins to be paused for sending too much. */
  throttled(): void
}

/**
 * Holds one connection to a rate of bytes by not reading from it: what is sent too fast comes later, and nothing is lost. What
 * others send who share a rate with it counts as well.
 */
export class InboundRate {
  shared: RateLimit
  readonly #rate: Rate
  /** Most connections never send enough to need one. */
  #limit: RateLimit | undefined
  #unchargedBytes = 0
  #timer: NodeJS.Timeout | undefined

  constructor(rate: Rate, shared: RateLimit) {
    this.#rate = rate
    this.shared = shared
  }

  /** What a frame or a command costs. */
  spend(bytes: number, connection: Throttled): void {
    this.#unchargedBytes += bytes
    if (this.#unchargedBytes < STEP_BYTES) return
    const waitMs = this.#charge(this.#unchargedBytes)
    this.#unchargedBytes = 0
    if (waitMs === 0 || this.#timer !== undefined) return
    connection.throttled()
    connection.pause()
    this.#resumeIn(waitMs, connection)
  }

  /** The connection is gone. */
  end(): void {
    clearTimeout(this.#timer)
    if (this.#unchargedBytes > 0) this.shared.charge(this.#unchargedBytes)
  }

  /** Milliseconds until it may be read from again. */
  #charge(bytes: number): number {
    this.#limit ??= new RateLimit(this.#rate)
    return Math.max(this.#limit.charge(bytes), this.shared.charge(bytes))
  }

  #resumeIn(waitMs: number, connection: Throttled): void {
    const delayMs = Math.min(Math.ceil(waitMs), MAX_DELAY_MS)
    this.#timer = setTimeout(() => {
      // What was read before the pause was still handed over, and is charged.
      const leftMs = this.#charge(0)
      if (leftMs > 0) return this.#resumeIn(leftMs, connection)
      this.#timer = undefined
      connection.resume()
    }, delayMs)
    this.#timer.unref()
  }
}

const MAX_DELAY_MS = 2 ** 31 - 1
