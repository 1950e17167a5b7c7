import { setTimeout as sleep } from 'node:timers/promises'

const MIN_MS = 100
const MAX_MS = 5000

/** How long to wait before a backend that did not answer is asked again: longer each time, until it answered. */
export class RetryDelay {
  #ms = MIN_MS

  /** Keeps no process alive. */
  async wait(): Promise<void> {
    await sleep(this.#ms, undefined, { ref: false })
    this.#ms = Math.min(this.#ms * 2, MAX_MS)
  }

  answered(): void {
    this.#ms = MIN_MS
  }
}
