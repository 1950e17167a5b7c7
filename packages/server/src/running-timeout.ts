const TICK_MS = 500
/** Ticks further apart than this: the process stood still in between. */
const STOOD_STILL_MS = 2000

/** Counts the time in which this process ran, while anybody needs it. */
class RunningTime {
  #users = 0
  #timer: NodeJS.Timeout | undefined
  #countedMs = 0
  #tickedAtMs = 0

  /** Counts from now on, until `leave`. */
  join(): void {
    this.#users += 1
    if (this.#users > 1) return
    this.#tickedAtMs = performance.now()
    this.#timer = setInterval(() => this.#tick(), TICK_MS).unref()
  }

  leave(): void {
    this.#users -= 1
    if (this.#users === 0) clearInterval(this.#timer)
  }

  nowMs(): number {
    const sinceTickMs = performance.now() - this.#tickedAtMs
    return this.#countedMs + (sinceTickMs > STOOD_STILL_MS ? 0 : sinceTickMs)
  }

  #tick(): void {
    this.#countedMs = this.nowMs()
    this.#tickedAtMs = performance.now()
  }
}

const runningTime = new RunningTime()

/** A timer of `setRunningTimeout`. */
export class RunningTimeout {
  readonly #callback: () => void
  readonly #endMs: number
  readonly #isRef: boolean
  #timer: NodeJS.Timeout | undefined

  constructor(callback: () => void, ms: number, isRef: boolean) {
    runningTime.join()
    this.#callback = callback
    this.#endMs = runningTime.nowMs() + ms
    this.#isRef = isRef
    this.#arm(ms)
  }

  clear(): void {
    if (this.#timer === undefined) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    runningTime.leave()
  }

  #arm(ms: number): void {
    this.#timer = setTimeout(() => {
      const leftMs = this.#endMs - runningTime.nowMs()
      if (leftMs > 0) return this.#arm(leftMs)
      this.clear()
      this.#callback()
    }, ms)
    if (!this.#isRef) this.#timer.unref()
  }
}

/**
 * `setTimeout` for deadlines of others: time in which this process was stopped, or its machine paused, does not count. After
 * such a stop Node runs timers before it reads what came meanwhile, so an ordinary deadline would pass though the answer is
 * there. `ref: false`: does not keep the process alive.
 */
export const setRunningTimeout = (callback: () => void, ms: number, { ref = true } = {}): RunningTimeout =>
  new RunningTimeout(callback, ms, ref)
