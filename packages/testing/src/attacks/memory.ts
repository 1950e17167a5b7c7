import { residentBytes } from '../resident-memory.js'

const LOOK_MS = 50

/** Watches how much the memory of a process grows at most. */
export class MemoryWatch {
  readonly #pid: number | undefined
  readonly #before: number | undefined
  #most = 0
  readonly #timer: NodeJS.Timeout

  constructor(pid: number | undefined) {
    this.#pid = pid
    this.#before = residentBytes(pid)
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
  }

  /** Bytes that it grew by at most, from 0; undefined where that cannot be told. */
  stop(): number | undefined {
    clearInterval(this.#timer)
    this.#look()
    return this.#before === undefined ? undefined : Math.max(0, this.#most - this.#before)
  }

  #look(): void {
    this.#most = Math.max(this.#most, residentBytes(this.#pid) ?? 0)
  }
}
