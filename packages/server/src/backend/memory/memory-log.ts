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
  type StoredPublication,
  type Watch,
} from '../backend.js'
import type { Clock } from '../../clock.js'
import { publicationKey } from '../fingerprint.js'
import { readPage } from '../read-page.js'
import { ChannelLog } from './channel-log.js'
import { DedupeIndex } from './dedupe-index.js'
import { LeastRecent } from './least-recent.js'
import { overShare, Shares } from '../shares.js'

export interface MemoryLogOptions {
  readonly clock: Clock
  /** Over all channels' histories, with what the objects around the data take. */
  readonly maxBytes: number
  readonly maxDedupeEntries: number
}

const SWEEP_INTERVAL_MS = 1000
/** Logs looked at in one sweep, so that it never holds up the event loop. */
const SWEEP_LOGS = 25_000
/** Channels known at once, with something in them or not; more are refused. */
const MAX_LOGS = 500_000
/** How long a log with nothing in it is remembered. */
const IDLE_MS = 60_000

/** Logs in this process's memory. A publish is stored and told before the call returns. */
export class MemoryLog implements Log {
  readonly notices = 'exact'
  readonly #options: MemoryLogOptions
  readonly #logs = new Map<string, ChannelLog>()
  readonly #dedupe: DedupeIndex
  /** No publication of a channel that was forgotten is newer. */
  #forgottenTime = -1
  /** Logs that keep something, and what they keep in all. */
  readonly #keeping = new LeastRecent()
  readonly #nameShares = new Shares(MAX_LOGS)
  readonly #historyShares: Shares
  #sweeping: Iterator<ChannelLog> | null = null
  #timer: NodeJS.Timeout | null = null

  constructor(options: MemoryLogOptions) {
    this.#options = options
    this.#historyShares = new Shares(options.maxBytes)
    this.#dedupe = new DedupeIndex(options.maxDedupeEntries)
  }

  /** How many channels it knows of. */
  get size(): number {
    return this.#logs.size
  }

  has(name: string): boolean {
    return this.#logs.has(name)
  }

  open(): void {
    this.#timer ??= setInterval(() => this.sweep(), SWEEP_INTERVAL_MS).unref()
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
    this.#logs.clear()
    this.#dedupe.clear()
    this.#keeping.clear()
    this.#nameShares.clear()
    this.#historyShares.clear()
  }

  publish(channel: LogChannel, publication: NewPublication): Promise<PublishResult> {
    if (this.#timer === null) return Promise.reject(new BackendError('unavailable', 'The backend is not open.'))
    if (channel.durability !== 'memory' && channel.durability !== 'none') {
      return Promise.reject(
        new BackendError('unavailable', `This backend cannot keep '${channel.durability}' channels.`),
      )
    }
    const monotonic = this.#options.clock.monotonic()
    const { account } = publication
    const log = this.#logOf(channel, monotonic, account)
    if (log instanceof BackendError) return Promise.reject(log)
    if (publication.isUnrepeatable === true) return this.#store(channel, log, publication)
    const key = publicationKey(log.epoch, publication)
    const first = this.#dedupe.find(key, monotonic)
    if (first !== undefined) {
      const { offset, time } = first
      return first.payloadHash === key.payloadHash
        ? Promise.resolve({ ...log.cursorAt(offset), time, durability: channel.durability, duplicate: true })
        : Promise.reject(new BackendError('id-conflict', 'This id was used for another publication.'))
    }
    if (!this.#dedupe.hasShare(account, monotonic)) return Promise.reject(overShare('publication ids'))
    if (!this.#dedupe.hasRoom(monotonic)) {
      return Promise.reject(new BackendError('overloaded', 'Too many publication ids within their dedupe windows.'))
    }
    return this.#store(channel, log, publication, (stored) =>
      this.#dedupe.add(log, key, stored, Math.ceil(monotonic + channel.dedupeWindowMs), account),
    )
  }

  #store(
    { durability }: LogChannel,
    log: ChannelLog,
    publication: NewPublication,
    remember?: (stored: StoredPublication) => void,
  ): Promise<PublishResult> {
    if (!this.#makeShare(log, publication)) return Promise.reject(overShare('history'))
    const stored = this.#append(log, publication)
    remember?.(stored)
    log.listeners.tell(stored)
    const { offset, position, time } = stored
    return Promise.resolve({ position, offset, time, durability, duplicate: false })
  }

  read(channel: LogChannel, request: ReadRequest): Promise<Page> {
    return answer(() => readPage(this.#current(channel), request))
  }

  rewind(channel: LogChannel, rewind: Rewind): Promise<Cursor> {
    return answer(() => {
      const log = this.#current(channel)
      return log.cursorAt(log.rewindTo(rewind, this.#options.clock.now()))
    })
  }

  tails(channels: readonly LogChannel[]): Promise<readonly Cursor[]> {
    return answer(() =>
      channels.map((channel) => {
        const log = this.#current(channel)
        return log.cursorAt(log.tail)
      }),
    )
  }

  isInUse({ name }: LogChannel): Promise<boolean> {
    return answer(() => {
      const log = this.#logs.get(name)
      if (log === undefined) return false
      log.applyRules(this.#options.clock.now())
      this.#keeping.settle(log)
      return log.keptCount > 0 || log.listeners.count > 0
    })
  }

  watch(channel: LogChannel, listener: LogListener, account?: string): Promise<Watch> {
    return answer(() => {
      const log = this.#current(channel, account)
      const watch = log.listeners.add((stored) => listener.publication(stored, stored.offset - 1))
      const stop = (): void => {
        watch.stop()
        log.usedAt = this.#options.clock.monotonic()
      }
      return { stop }
    })
  }

  purge(channel: LogChannel): Promise<void> {
    return answer(() => {
      const log = this.#current(channel)
      log.drop('purged', log.keptCount)
      this.#keeping.settle(log)
    })
  }

  /** Forgets a channel at once, with its ids: nothing that was published is known any more. */
  forget(name: string): void {
    const log = this.#logs.get(name)
    if (log === undefined) return
    log.drop('purged', log.keptCount)
    this.#keeping.settle(log)
    this.#delete(log)
  }

  /** Expires, and forgets logs that have been empty for a while; a bounded number in each call. */
  sweep(): void {
    const now = this.#options.clock.now()
    const monotonic = this.#options.clock.monotonic()
    this.#dedupe.tidy(monotonic)
    this.#sweeping ??= this.#logs.values()
    for (let count = 0; count < SWEEP_LOGS; count += 1) {
      const next = this.#sweeping.next()
      if (next.done === true) {
        this.#sweeping = null
        return
      }
      const log = next.value
      log.applyRules(now)
      this.#keeping.settle(log)
      if (!log.isIdle || monotonic - log.usedAt <= IDLE_MS) continue
      this.#delete(log)
      this.#forgottenTime = Math.max(this.#forgottenTime, log.goneTime)
    }
  }

  /**
   * Whether one publication more fits into its account's share. Beyond it the account loses its own oldest of this channel
   * first, and nothing of anybody else.
   */
  #makeShare(log: ChannelLog, publication: NewPublication): boolean {
    const { account } = publication
    if (account === undefined || log.history === null) return true
    const bytes = ChannelLog.bytesOf(publication)
    while (!this.#historyShares.hasRoom(account, bytes)) {
      if (log.keptCount === 0 || log.oldestAccount !== account) return false
      log.drop('trimmed', 1)
      this.#keeping.settle(log)
    }
    return true
  }

  #delete(log: ChannelLog): void {
    this.#logs.delete(log.name)
    this.#nameShares.remove(log.creator, 1)
  }

  #append(log: ChannelLog, publication: NewPublication): StoredPublication {
    const now = this.#options.clock.now()
    const stored = log.append(publication, now)
    log.applyRules(now)
    this.#keeping.published(log)
    while (this.#keeping.bytes > this.#options.maxBytes) {
      const victim = this.#keeping.oldest
      if (victim === null) break
      victim.drop('trimmed', 1)
      this.#keeping.settle(victim)
    }
    return stored
  }

  /** An error: it would be one too many. */
  #logOf(channel: LogChannel, monotonic: number, account?: string): ChannelLog | BackendError {
    let log = this.#logs.get(channel.name)
    if (log === undefined) {
      if (this.#logs.size >= MAX_LOGS) return tooManyLogs()
      if (!this.#nameShares.hasRoom(account, 1)) return overShare('channel names')
      log = new ChannelLog(channel.name, this.#forgottenTime, this.#historyShares, account)
      this.#logs.set(channel.name, log)
      this.#nameShares.add(account, 1)
    }
    log.history = channel.history
    log.usedAt = monotonic
    return log
  }

  /** The channel's log with today's rules applied. */
  #current(channel: LogChannel, account?: string): ChannelLog {
    const log = this.#logOf(channel, this.#options.clock.monotonic(), account)
    if (log instanceof BackendError) throw log
    log.applyRules(this.#options.clock.now())
    this.#keeping.settle(log)
    return log
  }
}

const tooManyLogs = (): BackendError => new BackendError('overloaded', `More than ${MAX_LOGS} channels are in use.`)

/** Done at once, answered as a remote log would. */
const answer = <Result>(work: () => Result): Promise<Result> => {
  try {
    return Promise.resolve(work())
  } catch (error) {
    return Promise.reject(error instanceof Error ? error : new Error(String(error)))
  }
}
