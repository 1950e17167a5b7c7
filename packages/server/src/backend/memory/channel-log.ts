import { randomId } from '../../random-id.js'
import type { HistoryRules } from '@tidings/contract'
import type { Position, Rewind } from '@tidings/protocol'
import type { Cursor, NewPublication, StoredPublication } from '../backend.js'
import { Deque } from '../../deque.js'
import { Listeners } from '../listeners.js'
import { type LossReason, Losses } from '../losses.js'
import { formatPosition, parsePosition } from '../position.js'
import { publicationBytes } from '../publication-size.js'
import type { ReadableLog } from '../read-page.js'
import type { Shares } from '../shares.js'

const EPOCH_BYTES = 9

/** What a publication in memory takes beside its data: objects, strings, ring slots. */
const OVERHEAD_BYTES = 256

let logsMade = 0

/** One channel's publications in memory: offsets from 1 without holes, the oldest lost first. */
export class ChannelLog implements ReadableLog {
  readonly name: string
  /** A new log of the same channel has another, so that no position of this one fits it. */
  readonly epoch = randomId(EPOCH_BYTES)
  /** Offset of the newest publication, 0 before the first. */
  tail = 0
  lastTime = 0
  /** No publication that is gone is newer. */
  goneTime: number
  /** The rules of the latest use; the sweep applies them. */
  history: HistoryRules | null = null
  readonly listeners = new Listeners<StoredPublication>()
  /** No other log of this process has it. */
  readonly number: number
  /** Ids of its publications that the index holds. */
  idCount = 0
  /** Monotonic milliseconds of the latest use. */
  usedAt = 0
  /** Neighbours in the budget's order of least recent publishing. */
  older: ChannelLog | null = null
  newer: ChannelLog | null = null
  /** What it is counted with there; 0 while it is not in that order. */
  countedBytes = 0

  /** Who used the name first; undefined: the application. */
  readonly creator: string | undefined
  readonly #shares: Shares
  readonly #kept = new Deque<StoredPublication>()
  /** Whose share each of them counts in. */
  readonly #accounts = new Deque<string | undefined>()
  readonly #sizes = new Deque<number>()
  readonly #losses = new Losses()
  #keptBytes = 0

  /** `goneTime`: an earlier log of the same channel may have been forgotten, with publications up to then. */
  /** `shares` counts the memory of what accounts published. */
  constructor(name: string, goneTime: number, shares: Shares, creator?: string) {
    this.name = name
    this.creator = creator
    this.#shares = shares
    this.goneTime = goneTime
    logsMade += 1
    this.number = logsMade
  }

  /** What a publication would take in memory. */
  static bytesOf(publication: NewPublication): number {
    return publicationBytes(publication) + OVERHEAD_BYTES
  }

  /** Whose the oldest kept publication is. */
  get oldestAccount(): string | undefined {
    return this.#accounts.at(0)
  }

  get keptCount(): number {
    return this.#kept.length
  }

  /** What the kept publications take in memory. */
  get memoryBytes(): number {
    return this.#keptBytes + this.#kept.length * OVERHEAD_BYTES
  }

  /** Offset of the newest publication that is gone; what is kept comes after it. */
  get floor(): number {
    return this.tail - this.#kept.length
  }

  /** Whether there is nothing that a later use could need. */
  get isIdle(): boolean {
    return this.#kept.length === 0 && this.idCount === 0 && this.listeners.count === 0
  }

  append(publication: NewPublication, now: number): StoredPublication {
    this.tail += 1
    this.lastTime = Math.max(this.lastTime, now)
    const stored = storedFrom(publication, this.tail, this.positionOf(this.tail), this.lastTime)
    if (this.history === null) {
      this.#losses.record('trimmed', this.tail)
      this.goneTime = this.lastTime
      return stored
    }
    const bytes = publicationBytes(publication)
    this.#kept.push(stored)
    this.#sizes.push(bytes)
    this.#accounts.push(publication.account)
    this.#shares.add(publication.account, bytes + OVERHEAD_BYTES)
    this.#keptBytes += bytes
    return stored
  }

  /** Lets go of what the rules do not keep. */
  applyRules(now: number): void {
    const { history } = this
    if (history === null) {
      this.drop('trimmed', this.#kept.length)
      return
    }
    const { maxCount = Infinity, maxBytes = Infinity, maxAgeMs = Infinity } = history
    while (this.#kept.length > maxCount || this.#keptBytes > maxBytes) this.drop('trimmed', 1)
    let oldest = this.#kept.at(0)
    while (oldest !== undefined && now - oldest.time > maxAgeMs) {
      this.drop('expired', 1)
      oldest = this.#kept.at(0)
    }
  }

  /** Lets go of the oldest `count`; `purged` also counts when nothing is kept. */
  drop(reason: LossReason, count: number): void {
    for (let left = count; left > 0; left -= 1) {
      const gone = this.#kept.shift()
      if (gone === undefined) break
      this.goneTime = gone.time
      const bytes = this.#sizes.shift() ?? 0
      this.#keptBytes -= bytes
      this.#shares.remove(this.#accounts.shift(), bytes + OVERHEAD_BYTES)
    }
    if (count > 0 || reason === 'purged') this.#losses.record(reason, this.floor)
  }

  positionOf(offset: number): Position {
    return formatPosition(this.epoch, offset)
  }

  cursorAt(offset: number): Cursor {
    return { position: this.positionOf(offset), offset }
  }

  /** The offset that one of this log's positions names, or undefined for any other. */
  offsetOf(position: Position): number | undefined {
    const parsed = parsePosition(position)
    return parsed?.log === this.epoch && parsed.offset <= this.tail ? parsed.offset : undefined
  }

  /** The kept publication with this offset. */
  at(offset: number): StoredPublication | undefined {
    return this.#kept.at(offset - this.floor - 1)
  }

  *scan(first: number, step: 1 | -1): Iterable<StoredPublication> {
    let offset = first
    let publication = this.at(offset)
    while (publication !== undefined) {
      yield publication
      offset += step
      publication = this.at(offset)
    }
  }

  countBetween(after: number, through: number): number {
    return through - after
  }

  reasonFor(offset: number): LossReason {
    return this.#losses.reasonFor(offset)
  }

  /** Offset of the first kept publication at or after a time; the tail's successor if there is none. */
  offsetAtTime(time: number): number {
    let low = this.floor + 1
    let high = this.tail + 1
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if ((this.at(middle)?.time ?? Infinity) < time) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Offset before the first of the latest kept publications that fit both bounds. */
  rewindTo({ count = Infinity, ageMs = Infinity }: Rewind, now: number): number {
    const byCount = this.tail - Math.min(count, this.#kept.length)
    const byAge = ageMs === Infinity ? this.floor : this.offsetAtTime(now - ageMs) - 1
    return Math.max(byCount, byAge)
  }
}

/**
 * A view of a larger buffer would keep all of it alive, and its owner may write there again: what is kept gets bytes
 * of its own.
 */
const ownPayload = (payload: NewPublication['payload']): NewPublication['payload'] =>
  typeof payload === 'string' ? payload : new Uint8Array(payload)

const storedFrom = (
  { payload, publisher, id, key, tags, mutedFor }: NewPublication,
  offset: number,
  position: Position,
  time: number,
): StoredPublication => {
  const own = ownPayload(payload)
  if (key === undefined && tags === undefined && mutedFor === undefined)
    return { offset, position, time, payload: own, publisher, id }
  return {
    ...{ offset, position, time, payload: own, publisher, id },
    ...(key === undefined ? {} : { key }),
    ...(tags === undefined ? {} : { tags }),
    ...(mutedFor === undefined ? {} : { mutedFor }),
  }
}
