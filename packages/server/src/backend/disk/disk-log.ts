import type { Rewind } from '@tidings/protocol'
import {
  BackendError,
  type Cursor,
  type Log,
  type LogChannel,
  type LogListener,
  type NewPublication,
  type Page,
  type PublishResult,
  type ReadRequest,
  type Watch,
} from '../backend.js'
import type { Clock } from '../../clock.js'
import { readPage } from '../read-page.js'
import { Dedupe } from './dedupe.js'
import { DiskChannel } from './disk-channel.js'
import type { Lineage } from './lineage.js'
import { PublishJob, type PublishContext } from './publish-job.js'
import type { RunningClock } from './running-clock.js'
import type { Store, Writes } from './store.js'
import { type BatchSteps, type Job, Writer } from './writer.js'

export interface DiskLogOptions {
  readonly store: Store
  readonly clock: Clock
  readonly lineage: Lineage
  readonly running: RunningClock
  /** Publishes are refused `storage-full` while the store uses more. */
  readonly maxBytes: number
  readonly maxDedupeEntries: number
  readonly flushDeadlineMs: number
  readonly fail: (error: BackendError) => void
}

/** How much a batch removes, however little it publishes, and how much for each publication. */
const MIN_REMOVALS = 2048
const REMOVALS_PER_JOB = 4

/** Of the disk, so that removing and small facts can still be written when it is full. */
const RESERVE_BYTES = 512 * 1024
/** How much more than what it holds a batch may take of the disk, at worst. */
const ROOM_FACTOR = 2

const IDLE_MS = 60_000
const CLOCK_KEY = Buffer.from('clock')

/** Logs in a store that survives the process. Watchers and callers hear of a publication once it is on the disk. */
export class DiskLog implements Log {
  readonly notices = 'exact'
  readonly writer: Writer
  readonly #options: DiskLogOptions
  readonly #dedupe: Dedupe
  readonly #context: PublishContext
  readonly #channels = new Map<string, DiskChannel>()
  /** Channels that the batch under way changes. */
  readonly #touched = new Set<DiskChannel>()
  /** Channels with publications below their floors that are still in the store. */
  readonly #behind = new Set<DiskChannel>()
  #isTidying = false
  /** What the batch under way may still take; looked up with its first publish. */
  #roomBytes: { disk: number; budget: number } | null = null

  constructor(options: DiskLogOptions) {
    const { store, running, flushDeadlineMs, fail } = options
    this.#options = options
    this.#dedupe = new Dedupe(store, running, options.lineage, options.maxDedupeEntries)
    this.#context = {
      dedupe: this.#dedupe,
      now: () => this.#options.clock.now(),
      touch: (channel) => this.#touch(channel.name, channel),
      takeRoom: (bytes) => this.#takeRoom(bytes),
    }
    const steps: BatchSteps = {
      finish: (writes, jobs) => this.#finishBatch(writes, jobs),
      flushed: () => this.#flushed(),
      failed: () => this.#failed(),
    }
    this.writer = new Writer(store, steps, flushDeadlineMs, fail)
  }

  /** How many channels it has in memory. */
  get size(): number {
    return this.#channels.size
  }

  publish(channel: LogChannel, publication: NewPublication): Promise<PublishResult> {
    const { payload } = publication
    // It is written in a later turn, and the caller may use his buffer again.
    const own = typeof payload === 'string' ? publication : { ...publication, payload: new Uint8Array(payload) }
    return new Promise((resolve, reject) => {
      this.writer.push(new PublishJob(this.#context, channel, own, resolve, reject))
    })
  }

  read(channel: LogChannel, request: ReadRequest): Promise<Page> {
    return this.#reading(channel, (log) => readPage(log, request))
  }

  rewind(channel: LogChannel, rewind: Rewind): Promise<Cursor> {
    return this.#reading(channel, (log) => log.cursorAt(log.rewindTo(rewind, this.#options.clock.now())))
  }

  tails(channels: readonly LogChannel[]): Promise<readonly Cursor[]> {
    return Promise.all(channels.map((channel) => this.#reading(channel, (log) => log.cursorAt(log.tail))))
  }

  watch(channel: LogChannel, listener: LogListener): Promise<Watch> {
    return this.#reading(channel, (log) => {
      const watch = log.listeners.add((stored) => listener.publication(stored, stored.offset - 1))
      const stop = (): void => {
        watch.stop()
        log.usedAt = this.#options.clock.monotonic()
      }
      return { stop }
    })
  }

  isInUse(channel: LogChannel): Promise<boolean> {
    return this.#reading(channel, (log) => log.tail > log.floor || log.listeners.count > 0)
  }

  purge(channel: LogChannel): Promise<void> {
    return this.#change(channel.name, (log) => log.purge())
  }

  /** Whether the disk has something of a channel that is used without disk from now on. */
  mustLeave(name: string): boolean {
    const log = this.#channelOf(name)
    return log.isStored && !log.hasLeft
  }

  /** Purges such a channel. */
  leave(name: string): Promise<void> {
    return this.#change(name, (log) => log.leave())
  }

  /** Whether a channel that is used with disk was used without. */
  mustComeBack(name: string): boolean {
    return this.#channelOf(name).hasLeft
  }

  /** Must have resolved before such a channel is used. */
  comeBack(name: string): Promise<void> {
    return this.#change(name, (log) => log.comeBack(this.#options.clock.now()))
  }

  /** Applies the rules to a channel that nobody uses, by the rules of its latest use. */
  expire(name: string): void {
    const log = this.#channels.get(name) ?? new DiskChannel(name, this.#options.store, this.#options.lineage)
    log.applyRules(this.#options.clock.now())
    if (!log.isBehind) return
    // Now it has something that must not be forgotten. It does not count as used.
    this.#channels.set(name, log)
    this.#noteBehind(log)
  }

  /** Forgets channels that have not been used for a while, and goes on removing what is gone. */
  tidy(): void {
    const monotonic = this.#options.clock.monotonic()
    for (const log of this.#channels.values()) {
      const isIdle = monotonic - log.usedAt > IDLE_MS && log.isSettled && !log.isBehind
      if (isIdle && !this.#touched.has(log)) this.#channels.delete(log.name)
    }
    this.#dedupe.tidy()
    if (this.#behind.size > 0 || this.#dedupe.hasEnded()) this.#queueTidying()
  }

  /** Whether the disk and `maxBytes` have room for so much more in this batch. */
  #takeRoom(bytes: number): void {
    const { store, maxBytes } = this.#options
    if (this.#roomBytes === null) {
      const { usedBytes, freeBytes } = store.room()
      this.#roomBytes = { disk: freeBytes - RESERVE_BYTES, budget: maxBytes - usedBytes }
    }
    const room = this.#roomBytes
    if (room.budget <= 0) {
      throw new BackendError('storage-full', 'The data directory reached `maxBytes`: raise it, or keep less history.')
    }
    if (room.disk < bytes * ROOM_FACTOR) {
      throw new BackendError('storage-full', 'The disk is full: make room, and publish again.')
    }
    room.disk -= bytes * ROOM_FACTOR
    room.budget -= bytes
  }

  async #reading<Result>(channel: LogChannel, read: (log: DiskChannel) => Result): Promise<Result> {
    try {
      const log = this.#channelOf(channel.name)
      log.useRules(channel.history)
      log.applyRules(this.#options.clock.now())
      this.#noteBehind(log)
      return await Promise.resolve(read(log))
    } catch (error) {
      throw this.#unreadable(error)
    }
  }

  /** Runs what nobody waits for; what it throws fences the store. */
  guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#unreadable(error)
    }
  }

  /** What is on the disk cannot be understood: better no node than one that says there is nothing. */
  #unreadable(error: unknown): BackendError {
    const reason = error instanceof Error ? error.message : String(error)
    const damaged =
      error instanceof BackendError
        ? error
        : new BackendError('damaged', `The data directory cannot be read: ${reason}`, { cause: error })
    this.writer.fence(damaged)
    return damaged
  }

  #change(name: string, change: (log: DiskChannel) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const job: Job = { bytes: 0, write: () => change(this.#touch(name)), resolve, reject }
      this.writer.push(job)
    })
  }

  #channelOf(name: string): DiskChannel {
    let log = this.#channels.get(name)
    if (log === undefined) {
      log = new DiskChannel(name, this.#options.store, this.#options.lineage)
      this.#channels.set(name, log)
    }
    log.usedAt = this.#options.clock.monotonic()
    return log
  }

  #touch(name: string, rules?: LogChannel): DiskChannel {
    const log = this.#channelOf(name)
    if (rules !== undefined) log.useRules(rules.history)
    this.#touched.add(log)
    return log
  }

  #finishBatch(writes: Writes, jobs: number): void {
    const now = this.#options.clock.now()
    for (const log of this.#touched) {
      log.applyRules(now)
      if (log.isBehind) this.#behind.add(log)
    }
    const limit = MIN_REMOVALS + jobs * REMOVALS_PER_JOB
    let left = limit
    for (const log of this.#behind) {
      if (left <= 0) break
      left -= log.sweep(writes, left)
      this.#touched.add(log)
      if (!log.isBehind) this.#behind.delete(log)
    }
    this.#dedupe.finish(writes, limit)
    for (const log of this.#touched) log.seal(writes)
    if (this.#touched.size > 0) writes.put('facts', CLOCK_KEY, this.#options.running.encode())
  }

  #flushed(): void {
    for (const log of this.#touched) log.settle()
    this.#dedupe.settle()
    this.#endBatch()
  }

  #failed(): void {
    for (const log of this.#touched) {
      log.abandon()
      if (log.isBehind) this.#behind.add(log)
    }
    this.#dedupe.abandon()
    this.#endBatch()
  }

  #endBatch(): void {
    this.#touched.clear()
    this.#roomBytes = null
  }

  #noteBehind(log: DiskChannel): void {
    if (!log.isBehind) return
    this.#behind.add(log)
    this.#queueTidying()
  }

  /** Writes a batch that only removes, and another one if something is left. */
  #queueTidying(): void {
    if (this.#isTidying) return
    this.#isTidying = true
    const end = (): void => {
      this.#isTidying = false
    }
    const resolve = (): void => {
      end()
      if (this.#behind.size > 0 || this.#dedupe.hasEnded()) this.#queueTidying()
    }
    this.writer.push({ bytes: 0, write: () => undefined, resolve, reject: end })
  }
}

/** Where the running clock is kept in the table `facts`. */
export const RUNNING_CLOCK_KEY: Uint8Array = CLOCK_KEY
