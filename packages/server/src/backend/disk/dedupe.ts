import { BackendError, type PublishResult } from '../backend.js'
import { Deque } from '../../deque.js'
import { HASH_BYTES, type PublicationKey } from '../fingerprint.js'
import { IdTable } from '../id-table.js'
import { formatPosition } from '../position.js'
import { overShare } from '../shares.js'
import type { Lineage } from './lineage.js'
import type { RunningClock } from './running-clock.js'
import type { Store, Writes } from './store.js'

/**
 * The ids of publications within their windows, untouched by retention. They are looked up in memory. The table `dedupe`
 * has one row for each batch and window, because rows at random places would cost a batch ten times as much:
 *
 *   key    end of the window (running clock) and number of the row, 6 bytes each, big-endian
 *   value  for each id 48 bytes: hash of channel, scope and id (16), hash of the publication (16), and big-endian its
 *          offset (6), its time (6) and the number of its incarnation (4)
 */
interface Row {
  readonly expiresAt: number
  readonly key: Buffer
  /** How many ids it has. */
  readonly count: number
}

const NUMBER_BYTES = 6
const KEY_BYTES = 2 * NUMBER_BYTES
const ENTRY_BYTES = 2 * HASH_BYTES + 2 * NUMBER_BYTES + 4
const ALL = { start: Buffer.alloc(KEY_BYTES), end: Buffer.alloc(KEY_BYTES, 0xff) }

/** The queue of what was read from the disk, whose windows are not known. */
const FROM_DISK = 0

export class Dedupe {
  readonly #clock: RunningClock
  readonly #lineage: Lineage
  /** Ends are of the running clock, tags are numbers of incarnations. */
  readonly #ids: IdTable
  /** By window: rows of one window end in the order they were written. */
  readonly #rows = new Map<number, Deque<Row>>()
  /** Of the batch under way, by window: its ids, the row they are written in, and how many rows it removes. */
  #fresh = new Map<number, string[]>()
  #freshRows = new Map<number, Row>()
  readonly #removed = new Map<number, number>()
  #rowNumber = 0
  /** When the publishes were called that wait for their look-up, the earliest first. */
  readonly #waiting = new Deque<number>()

  /** Reads all that is remembered. Throws if it cannot be understood. */
  constructor(store: Store, clock: RunningClock, lineage: Lineage, maxEntries: number) {
    this.#clock = clock
    this.#lineage = lineage
    this.#ids = new IdTable(maxEntries)
    for (const { key, value } of store.scan('dedupe', ALL)) this.#load(Buffer.from(key), value)
  }

  /**
   * A publish was called, and its id will be looked up when the disk has taken what was called before. Until then ids
   * are kept whose windows end meanwhile. Returns the time of the call.
   */
  expect(): number {
    const calledAt = this.#clock.now()
    this.#waiting.push(calledAt)
    return calledAt
  }

  /**
   * The first publish's result if the id was within its window when `expect` was called. Call it once for each `expect`,
   * in the same order. Throws BackendError `id-conflict`.
   */
  find({ key, payloadHash: hash }: PublicationKey, calledAt: number): PublishResult | undefined {
    this.#waiting.shift()
    const first = this.#ids.get(key)
    if (first === undefined || first.expiresAt <= calledAt) return undefined
    if (first.payloadHash !== hash) {
      throw new BackendError('id-conflict', 'This id was used for another publication.')
    }
    const { offset, time, tag: incarnation } = first
    const position = formatPosition(this.#lineage.nameOf(incarnation), offset)
    return { position, offset, time, durability: 'disk', duplicate: true }
  }

  /** Throws BackendError `overloaded` if there is no room for one more, and `over-share` if there is none for the account. */
  checkRoom(account: string | undefined): void {
    if (!this.#ids.hasShare(account, this.#ended)) throw overShare('publication ids')
    if (this.#ids.hasRoom(this.#ended)) return
    throw new BackendError('overloaded', 'Too many publication ids within their dedupe windows.')
  }

  remember(
    { key, payloadHash: hash }: PublicationKey,
    place: { offset: number; time: number },
    windowMs: number,
    account: string | undefined,
  ): void {
    const { offset, time } = place
    const expiresAt = this.#clock.now() + Math.ceil(windowMs)
    this.#ids.set(key, { payloadHash: hash, expiresAt, offset, time, tag: this.#lineage.current }, account)
    const keys = this.#fresh.get(windowMs)
    if (keys === undefined) this.#fresh.set(windowMs, [key])
    else keys.push(key)
  }

  /** Ends a batch: writes its ids, and removes up to about `limit` whose windows have ended. */
  finish(writes: Writes, limit: number): void {
    this.#removeEnded(writes, limit)
    for (const [windowMs, ids] of this.#fresh) {
      // All are kept for as long as the last of them: a batch is one moment but for a few milliseconds.
      const expiresAt = this.#clock.now() + Math.ceil(windowMs)
      this.#rowNumber += 1
      const row: Row = { expiresAt, key: rowKey(expiresAt, this.#rowNumber), count: ids.length }
      writes.put('dedupe', row.key, this.#encode(ids))
      this.#freshRows.set(windowMs, row)
    }
  }

  /** The batch is on the disk. */
  settle(): void {
    for (const [windowMs, count] of this.#removed) {
      const rows = this.#queueOf(windowMs)
      for (let left = count; left > 0; left -= 1) rows.shift()
      if (rows.length === 0) this.#rows.delete(windowMs)
    }
    for (const [windowMs, row] of this.#freshRows) this.#queueOf(windowMs).push(row)
    this.#endBatch()
  }

  /** The batch came to nothing, its rows included. */
  abandon(): void {
    for (const ids of this.#fresh.values()) for (const id of ids) this.#ids.delete(id)
    this.#endBatch()
  }

  #endBatch(): void {
    this.#fresh = new Map()
    this.#freshRows = new Map()
    this.#removed.clear()
  }

  /** Forgets a part of what has ended. Call it now and then. */
  tidy(): void {
    this.#ids.tidy(this.#ended)
  }

  /** Whether any window has ended, so that a batch should be written to remove its ids. */
  hasEnded(): boolean {
    const ended = this.#ended
    for (const rows of this.#rows.values()) if ((rows.at(0)?.expiresAt ?? Infinity) <= ended) return true
    return false
  }

  /** Windows that end until then are of use to nobody. */
  get #ended(): number {
    return this.#waiting.at(0) ?? this.#clock.now()
  }

  #removeEnded(writes: Writes, limit: number): void {
    const ended = this.#ended
    let left = limit
    for (const [windowMs, rows] of this.#rows) {
      let count = 0
      let row = rows.at(0)
      while (row !== undefined && row.expiresAt <= ended && left > 0) {
        writes.remove('dedupe', row.key)
        left -= row.count
        count += 1
        row = rows.at(count)
      }
      if (count > 0) this.#removed.set(windowMs, count)
    }
  }

  #queueOf(windowMs: number): Deque<Row> {
    let rows = this.#rows.get(windowMs)
    if (rows === undefined) {
      rows = new Deque()
      this.#rows.set(windowMs, rows)
    }
    return rows
  }

  #encode(ids: readonly string[]): Buffer {
    const entries = Buffer.alloc(ids.length * ENTRY_BYTES)
    let at = 0
    for (const id of ids) {
      const remembered = this.#ids.get(id)
      if (remembered === undefined) continue
      entries.write(id, at, 'latin1')
      entries.write(remembered.payloadHash, at + HASH_BYTES, 'latin1')
      entries.writeUIntBE(remembered.offset, at + 2 * HASH_BYTES, NUMBER_BYTES)
      entries.writeUIntBE(remembered.time, at + 2 * HASH_BYTES + NUMBER_BYTES, NUMBER_BYTES)
      entries.writeUInt32BE(remembered.tag, at + 2 * HASH_BYTES + 2 * NUMBER_BYTES)
      at += ENTRY_BYTES
    }
    return entries.subarray(0, at)
  }

  #load(key: Buffer, value: Buffer): void {
    const expiresAt = key.readUIntBE(0, NUMBER_BYTES)
    this.#rowNumber = Math.max(this.#rowNumber, key.readUIntBE(NUMBER_BYTES, NUMBER_BYTES))
    for (let at = 0; at < value.length; at += ENTRY_BYTES) {
      // Rows come in the order of their ends, so the latest of an id is the last.
      this.#ids.set(value.toString('latin1', at, at + HASH_BYTES), {
        payloadHash: value.toString('latin1', at + HASH_BYTES, at + 2 * HASH_BYTES),
        expiresAt,
        offset: value.readUIntBE(at + 2 * HASH_BYTES, NUMBER_BYTES),
        time: value.readUIntBE(at + 2 * HASH_BYTES + NUMBER_BYTES, NUMBER_BYTES),
        tag: value.readUInt32BE(at + 2 * HASH_BYTES + 2 * NUMBER_BYTES),
      })
    }
    this.#queueOf(FROM_DISK).push({ expiresAt, key, count: value.length / ENTRY_BYTES })
  }
}

const rowKey = (expiresAt: number, number: number): Buffer => {
  const key = Buffer.allocUnsafe(KEY_BYTES)
  key.writeUIntBE(expiresAt, 0, NUMBER_BYTES)
  key.writeUIntBE(number, NUMBER_BYTES, NUMBER_BYTES)
  return key
}
