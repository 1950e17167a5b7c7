import type { HistoryRules } from '@tidings/contract'
import type { Position, Rewind } from '@tidings/protocol'
import { BackendError, type Cursor, type StoredPublication } from '../backend.js'
import { Listeners } from '../listeners.js'
import { type LossReason, Losses } from '../losses.js'
import { formatPosition, parsePosition } from '../position.js'
import type { ReadableLog } from '../read-page.js'
import { type ChannelRecord, decodeChannel, EMPTY_RECORD, encodeChannel } from './channel-record.js'
import { LogKeys } from './keys.js'
import type { Lineage } from './lineage.js'
import { decodeInfo, decodeRecord, type RecordInfo, setInfo } from './record.js'
import { incarnationOf, lastOffsetOf, withSegment } from './segments.js'
import type { Store, Writes } from './store.js'

type Draft = { -readonly [Field in keyof ChannelRecord]: ChannelRecord[Field] }

/** Where and when a publication was stored. */
export type Place = Pick<StoredPublication, 'offset' | 'position' | 'time'>

const NOTHING: RecordInfo = { time: 0, totalBytes: 0 }

/**
 * One channel of the disk log. Readers see the durable tail; but the floor of what is being written, because the
 * publications below it are already being removed.
 */
export class DiskChannel implements ReadableLog {
  readonly name: string
  readonly listeners = new Listeners<StoredPublication>()
  /** Monotonic milliseconds of the latest use. */
  usedAt = 0
  readonly #store: Store
  readonly #lineage: Lineage
  readonly #keys: LogKeys
  /** As it is on the disk. */
  #durable: ChannelRecord
  /** As it is being written, while it is. */
  #inFlight: ChannelRecord | null = null
  /** As it will be written next. */
  #pending: ChannelRecord
  /** Of the publications after the durable tail. */
  #fresh: RecordInfo[] = []
  /** Of the oldest kept publication; undefined: not looked up yet. */
  #oldestTime: number | undefined

  constructor(name: string, store: Store, lineage: Lineage) {
    this.name = name
    this.#store = store
    this.#lineage = lineage
    this.#keys = new LogKeys(name)
    const stored = store.get('channels', this.#keys.prefix)
    this.#durable = stored === undefined ? EMPTY_RECORD : decodeChannel(stored)
    this.#pending = this.#durable
  }

  get tail(): number {
    return this.#durable.tail
  }

  get floor(): number {
    return Math.min(this.#pending.floor, this.#durable.tail)
  }

  /** Whether the disk has anything of this channel. */
  get isStored(): boolean {
    return this.#durable !== EMPTY_RECORD
  }

  /** Whether it went on without disk, and has not come back. */
  get hasLeft(): boolean {
    return this.#pending.left === true
  }

  get goneTime(): number {
    const { floor, tail, lastTime, goneTime } = this.#pending
    if (floor === 0) return -1
    return goneTime ?? (floor < tail ? this.#info(floor + 1).time : lastTime)
  }

  get history(): HistoryRules | null {
    return this.#pending.history
  }

  /** Whether publications below the floor still take room in the store. */
  get isBehind(): boolean {
    return this.#pending.swept < this.#pending.floor
  }

  /** Whether nothing but what is on the disk would be lost with this object. */
  get isSettled(): boolean {
    return this.#inFlight === null && this.#pending.tail === this.#durable.tail && this.listeners.count === 0
  }

  cursorAt(offset: number): Cursor {
    return { position: this.#positionOf(offset, this.#durable.segments), offset }
  }

  offsetOf(position: Position): number | undefined {
    const parsed = parsePosition(position)
    const incarnation = parsed === undefined ? undefined : this.#lineage.numberOf(parsed.log)
    if (parsed === undefined || incarnation === undefined) return undefined
    const last = lastOffsetOf(this.#durable.segments, incarnation, this.#durable.tail)
    return last !== undefined && parsed.offset <= last ? parsed.offset : undefined
  }

  offsetAtTime(time: number): number {
    return this.#firstOffset(this.floor + 1, this.tail, (info) => info.time >= time)
  }

  countBetween(after: number, through: number): number | null {
    const { hole = 0 } = this.#pending
    return after < hole && hole <= through ? null : through - after
  }

  reasonFor(offset: number): LossReason {
    return Object.assign(new Losses(), this.#pending.losses).reasonFor(offset)
  }

  *scan(first: number, step: 1 | -1): Iterable<StoredPublication> {
    const { floor, tail } = this
    const { segments } = this.#durable
    let offset = step === 1 ? Math.max(first, floor + 1) : Math.min(first, tail)
    for (; offset > floor && offset <= tail; offset += step) {
      // One after the other: LMDB's own cursor copies each key and value, which costs more than to look each of them up.
      const record = this.#store.lend('log', this.#keys.passingKey(offset))
      if (record === undefined) throw this.#damaged(offset)
      yield decodeRecord(record, offset, this.#positionOf(offset, segments))
    }
  }

  rewindTo({ count = Infinity, ageMs = Infinity }: Rewind, now: number): number {
    const byCount = Math.max(this.floor, this.tail - count)
    const byAge = ageMs === Infinity ? this.floor : this.offsetAtTime(now - ageMs) - 1
    return Math.max(byCount, byAge)
  }

  useRules(history: HistoryRules | null): void {
    if (history !== this.#pending.history) this.#draft().history = history
  }

  /**
   * Puts a publication, as `encodeRecord` made it, behind the others, to be durable with the batch. `bytes` is what it
   * counts in `history.maxBytes`.
   */
  append(writes: Writes, record: Buffer, bytes: number, now: number): Place {
    const draft = this.#draft()
    const offset = draft.tail + 1
    draft.segments = withSegment(draft.segments, this.#lineage.current, offset, draft.floor)
    draft.tail = offset
    // Stored as a whole number that is not negative, whatever the clock says.
    draft.lastTime = Math.max(draft.lastTime, Math.floor(now))
    draft.totalBytes += bytes
    const info = { time: draft.lastTime, totalBytes: draft.totalBytes }
    this.#fresh.push(info)
    setInfo(record, info)
    writes.put('log', this.#keys.key(offset), record)
    return { offset, position: this.#positionOf(offset, draft.segments), time: info.time }
  }

  /** Everything up to the tail is gone for readers. */
  purge(): void {
    const draft = this.#draft()
    draft.losses = Object.assign(new Losses(), draft.losses, { purged: draft.tail })
    if (draft.floor < draft.tail) this.#moveFloor('purged', draft.tail)
  }

  /**
   * Purges because the channel is used without disk from now on. One offset is left out, so that a position at the tail
   * is behind as well: something may be published that is not here.
   */
  leave(): void {
    const draft = this.#draft()
    draft.tail += 1
    this.#fresh.push({ time: draft.lastTime, totalBytes: draft.totalBytes })
    draft.left = true
    draft.hole = draft.tail
    this.purge()
  }

  /**
   * The channel is used with disk again. On the disk before anybody gets a position: should the channel leave once more,
   * that position must be behind.
   */
  comeBack(now: number): void {
    const draft = this.#draft()
    draft.left = false
    draft.goneTime = Math.max(draft.goneTime ?? 0, Math.floor(now))
  }

  /** Moves the floor past what the rules do not keep. */
  applyRules(now: number): void {
    const { history, tail } = this.#pending
    const { maxCount = Infinity, maxBytes = Infinity, maxAgeMs = Infinity } = history ?? { maxCount: 0 }
    if (tail - this.#pending.floor > maxCount) this.#moveFloor('trimmed', tail - maxCount)
    const { floor, floorBytes, totalBytes } = this.#pending
    if (totalBytes - floorBytes > maxBytes) {
      const isEnough = (info: RecordInfo): boolean => totalBytes - info.totalBytes <= maxBytes
      this.#moveFloor('trimmed', this.#firstOffset(floor + 1, tail, isEnough))
    }
    if (maxAgeMs === Infinity || this.#pending.floor === tail) return
    this.#oldestTime ??= this.#info(this.#pending.floor + 1).time
    if (now - this.#oldestTime > maxAgeMs) {
      const isYoung = (info: RecordInfo): boolean => now - info.time <= maxAgeMs
      this.#moveFloor('expired', this.#firstOffset(this.#pending.floor + 1, tail, isYoung) - 1)
    }
  }

  /** Removes publications below the floor from the store, at most `limit`. Returns how many. */
  sweep(writes: Writes, limit: number): number {
    if (!this.isBehind) return 0
    const draft = this.#draft()
    const through = Math.min(draft.floor, draft.swept + limit)
    for (let offset = draft.swept + 1; offset <= through; offset += 1) writes.remove('log', this.#keys.key(offset))
    const removed = through - draft.swept
    draft.swept = through
    return removed
  }

  /** Writes the channel's record as the last thing of it in a batch. */
  seal(writes: Writes): void {
    this.#inFlight = this.#pending
    writes.put('channels', this.#keys.prefix, encodeChannel(this.#inFlight))
  }

  /** What was sealed is on the disk. */
  settle(): void {
    if (this.#inFlight !== null) this.#durable = this.#inFlight
    this.#inFlight = null
    this.#fresh = []
  }

  /** What was sealed, or was to be, came to nothing. */
  abandon(): void {
    this.#pending = this.#durable
    this.#inFlight = null
    this.#fresh = []
    this.#oldestTime = undefined
  }

  #moveFloor(reason: LossReason, floor: number): void {
    const { time, totalBytes } = this.#info(floor)
    const draft = this.#draft()
    draft.floor = floor
    draft.floorBytes = totalBytes
    draft.goneTime = Math.max(draft.goneTime ?? 0, time)
    draft.losses = Object.assign(new Losses(), draft.losses, { [reason]: floor })
    this.#oldestTime = undefined
  }

  /** A copy to change, unless the pending one is already its own. */
  #draft(): Draft {
    if (this.#pending === this.#durable || this.#pending === this.#inFlight) this.#pending = { ...this.#pending }
    return this.#pending
  }

  /** The first offset in a range that fits a condition which, once true, stays true; `to` + 1 if none does. */
  #firstOffset(from: number, to: number, fits: (info: RecordInfo) => boolean): number {
    // The answer is mostly near the beginning: double the step first, then halve.
    let low = from
    let step = 1
    while (low + step <= to && !fits(this.#info(low + step - 1))) {
      low += step
      step *= 2
    }
    let high = Math.min(low + step, to + 1)
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (fits(this.#info(middle))) high = middle
      else low = middle + 1
    }
    return low
  }

  #info(offset: number): RecordInfo {
    if (offset === 0) return NOTHING
    const fresh = this.#fresh[offset - this.#durable.tail - 1]
    if (fresh !== undefined) return fresh
    const stored = this.#store.lend('log', this.#keys.passingKey(offset))
    if (stored === undefined) throw this.#damaged(offset)
    return decodeInfo(stored)
  }

  #positionOf(offset: number, segments: ChannelRecord['segments']): Position {
    const incarnation = incarnationOf(segments, offset, this.#lineage.current)
    return formatPosition(this.#lineage.nameOf(incarnation), offset)
  }

  #damaged(offset: number): BackendError {
    return new BackendError('damaged', `Channel '${this.name}' lacks its publication ${offset}: restore a backup.`)
  }
}
