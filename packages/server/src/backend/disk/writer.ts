import { type RunningTimeout, setRunningTimeout } from '../../running-timeout.js'
import { BackendError } from '../backend.js'
import { type Store, StoreError, type Table, type Writes } from './store.js'

/** Something to write. Jobs are written in the order they were queued. */
export interface Job {
  /** About how much it writes. */
  readonly bytes: number
  /** It was queued, and will be written unless the store is fenced. */
  queued?(): void
  /** Writes into the batch's transaction. Throws BackendError to be refused alone, before it wrote anything. */
  write(writes: Writes): void
  /** The batch is on the disk and the watermarks moved: tells watchers. */
  tell?(): void
  /** After every job of the batch told its watchers. */
  resolve(): void
  reject(error: BackendError): void
}

/** What happens around the jobs of a batch. */
export interface BatchSteps {
  /** Writes what the batch as a whole needs, after its jobs. */
  finish(writes: Writes, jobs: number): void
  /** The batch is on the disk: moves the watermarks. */
  flushed(): void
  /** Nothing of the batch was stored: forgets it. */
  failed(): void
}

const MAX_JOBS = 1024
const MAX_BYTES = 8 * 1024 * 1024
/** What may wait while a flush takes long; beyond it nothing is stored and the publisher tries again. */
const MAX_QUEUED_BYTES = 64 * 1024 * 1024
const OVERLOADED = new BackendError('overloaded', 'Too much waits for the disk; publish again later.')

/**
 * Group commit: takes all that is queued, writes it as one transaction, waits until that is on the disk, and only then
 * moves the watermarks, tells the watchers and answers the callers, in this order and in one turn. One batch at a time.
 */
export class Writer {
  readonly #store: Store
  readonly #steps: BatchSteps
  readonly #flushDeadlineMs: number
  readonly #fail: (error: BackendError) => void
  #queue: Job[] = []
  #queuedBytes = 0
  #running: Promise<void> | null = null
  /** Why nothing is accepted any more. */
  #closed: BackendError | null = null
  /** The same, while what is queued is still written. */
  #closing: BackendError | null = null

  constructor(store: Store, steps: BatchSteps, flushDeadlineMs: number, fail: (error: BackendError) => void) {
    this.#store = store
    this.#steps = steps
    this.#flushDeadlineMs = flushDeadlineMs
    this.#fail = fail
  }

  get isFenced(): boolean {
    return this.#closed?.code === 'fenced'
  }

  push(job: Job): void {
    const refusal = this.#closed ?? this.#closing ?? (this.#queuedBytes > MAX_QUEUED_BYTES ? OVERLOADED : null)
    if (refusal !== null) {
      job.reject(refusal)
      return
    }
    this.#queue.push(job)
    job.queued?.()
    this.#queuedBytes += job.bytes
    this.#running ??= this.#run()
  }

  /** Refuses everything from now on, and waits for what is queued. */
  async close(): Promise<void> {
    this.#closing = new BackendError('unavailable', 'The backend is closed.')
    await this.#running
    this.#closed ??= this.#closing
  }

  /** The store can no longer be trusted: nothing is accepted from now on, and the node is told to stop. */
  fence(error: BackendError): void {
    if (this.#closed !== null) return
    this.#closed = error
    const queue = this.#queue
    this.#queue = []
    this.#queuedBytes = 0
    for (const job of queue) job.reject(error)
    this.#fail(error)
  }

  async #run(): Promise<void> {
    // What this turn of the event loop brings goes into the first batch together.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#queue.length > 0) await this.#writeBatch(this.#takeJobs())
    this.#running = null
  }

  #takeJobs(): readonly Job[] {
    let bytes = 0
    let count = 0
    while (count < MAX_JOBS && count < this.#queue.length && bytes < MAX_BYTES) {
      bytes += this.#queue[count]?.bytes ?? 0
      count += 1
    }
    this.#queuedBytes -= bytes
    if (count === this.#queue.length) {
      const jobs = this.#queue
      this.#queue = []
      return jobs
    }
    return this.#queue.splice(0, count)
  }

  async #writeBatch(jobs: readonly Job[]): Promise<void> {
    const accepted: Job[] = []
    try {
      await this.#inTime(this.#commit(jobs, accepted))
    } catch (error) {
      this.#refuse(jobs, error)
      return
    }
    this.#steps.flushed()
    for (const job of accepted) job.tell?.()
    for (const job of accepted) job.resolve()
  }

  async #commit(jobs: readonly Job[], accepted: Job[]): Promise<void> {
    const noting = new NotingWrites()
    await this.#store.commit((writes) => {
      noting.to = writes
      for (const job of jobs) if (writeJob(job, noting)) accepted.push(job)
      if (accepted.length > 0) this.#steps.finish(noting, accepted.length)
    })
    // A batch of repeated publishes writes nothing, and what it answers with is on the disk since before.
    if (noting.wrote) await this.#store.flushed()
  }

  /** Of the whole batch: those that were refused alone are settled, and a second word does nothing. */
  #refuse(jobs: readonly Job[], error: unknown): void {
    if (error instanceof StoreError && error.kind === 'full') {
      this.#steps.failed()
      const full = new BackendError('storage-full', 'The disk is full: make room, and publish again.', { cause: error })
      for (const job of jobs) job.reject(full)
      return
    }
    const reason = error instanceof Error ? error.message : String(error)
    const fenced =
      error instanceof BackendError
        ? error
        : new BackendError('fenced', `The data could not be written to the disk safely: ${reason}.`, { cause: error })
    for (const job of jobs) job.reject(fenced)
    this.fence(fenced)
  }

  /** Rejects when the deadline passes while this process runs: a sync that hangs, or failed without a word. */
  async #inTime(written: Promise<void>): Promise<void> {
    let timer: RunningTimeout | undefined
    const deadline = new Promise<never>((_, reject) => {
      const seconds = this.#flushDeadlineMs / 1000
      const late = new BackendError('fenced', `The disk did not confirm a write within ${seconds} seconds.`)
      timer = setRunningTimeout(() => reject(late), this.#flushDeadlineMs)
    })
    try {
      await Promise.race([written, deadline])
    } finally {
      timer?.clear()
    }
  }
}

/** Knows whether anything was written. */
class NotingWrites implements Writes {
  to: Writes | undefined
  wrote = false

  put(table: Table, key: Uint8Array, value: Uint8Array): void {
    this.wrote = true
    this.to?.put(table, key, value)
  }

  remove(table: Table, key: Uint8Array): void {
    this.wrote = true
    this.to?.remove(table, key)
  }
}

const writeJob = (job: Job, writes: Writes): boolean => {
  try {
    job.write(writes)
    return true
  } catch (error) {
    if (!(error instanceof BackendError)) throw error
    job.reject(error)
    return false
  }
}
