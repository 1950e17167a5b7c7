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
 * Holds one connection to a rate of bytes by not reading from it: what is sent too fast comes later, and nothing is lost.
 */
export class InboundRate {
  readonly #rate: Rate
  /** Most connections never send enough to need one. */
  #limit: RateLimit | undefined
  #unchargedBytes = 0
  #timer: NodeJS.Timeout | undefined

  constructor(rate: Rate) {
    this.#rate = rate
  }

  /** What a frame or a command costs. */
  spend(bytes: number, connection: Throttled): void {
    this.#unchargedBytes += bytes
    if (this.#unchargedBytes < STEP_BYTES) return
    this.#limit ??= new RateLimit(this.#rate)
    const waitMs = this.#limit.charge(this.#unchargedBytes)
    this.#unchargedBytes = 0
    if (waitMs === 0 || this.#timer !== undefined) return
    connection.throttled()
    connection.pause()
    this.#resumeIn(waitMs, connection)
  }

  /** The connection is gone. */
  end(): void {
    clearTimeout(this.#timer)
  }

  #resumeIn(waitMs: number, connection: Throttled): void {
    const delayMs = Math.min(Math.ceil(waitMs), MAX_DELAY_MS)
    this.#timer = setTimeout(() => {
      // What was read before the pause was still handed over, and is charged.
      const leftMs = this.#limit?.charge(0) ?? 0
      if (leftMs > 0) return this.#resumeIn(leftMs, connection)
      this.#timer = undefined
      connection.resume()
    }, delayMs)
    this.#timer.unref()
  }
}

const MAX_DELAY_MS = 2 ** 31 - 1
