import { readFileSync } from 'node:fs'

const PAGE_BYTES = 4096
const LOOK_MS = 50

/** Resident memory of a process in bytes; undefined where it cannot be told. */
const rssOf = (pid: number | undefined): number | undefined => {
  if (pid === undefined || process.platform !== 'linux') return undefined
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES
  } catch {
    return undefined
  }
}

/** Watches how much the memory of a process grows at most. */
export class MemoryWatch {
  readonly #pid: number | undefined
  readonly #before: number | undefined
  #most = 0
  readonly #timer: NodeJS.Timeout

  constructor(pid: number | undefined) {
    this.#pid = pid
    this.#before = rssOf(pid)
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
  }

  /** Bytes that it grew by at most, from 0; undefined where that cannot be told. */
  stop(): number | undefined {
    clearInterval(this.#timer)
    this.#look()
    return this.#before === undefined ? undefined : Math.max(0, this.#most - this.#before)
  }

  #look(): void {
    this.#most = Math.max(this.#most, rssOf(this.#pid) ?? 0)
  }
}
