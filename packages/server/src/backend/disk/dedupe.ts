import { BackendError, type NewPublication, type PublishResult } from '../backend.js'
import { HASH_BYTES, payloadHash } from '../fingerprint.js'
import { dedupeKey } from './keys.js'
import type { RunningClock } from './running-clock.js'
import type { Store, Writes } from './store.js'

/**
 * The ids of publications within their windows, untouched by retention.
 *
 * Table `dedupe`, by a hash of channel, scope and id: 16 bytes hash of the publication, then 6 bytes big-endian each the
 * end of its window (running clock), its offset and its time, then its position as text.
 * Table `expiry`: end of a window (6 bytes) and a number (6 bytes), for each batch the keys in `dedupe` that end then.
 */
interface Remembered {
  /** One byte a character, as in PublicationKey. */
  readonly payloadHash: string
  readonly expiresAt: number
  readonly result: PublishResult
}

const NUMBER_BYTES = 6
const POSITION_AT = HASH_BYTES + 3 * NUMBER_BYTES
const MAX_NUMBER = 2 ** (8 * NUMBER_BYTES) - 1

/** What a publish is known by: hashes, one byte a character. */
export interface PublicationKey {
  readonly key: string
  readonly payloadHash: string
}

export class Dedupe {
  readonly #store: Store
  readonly #clock: RunningClock
  /** Of the batch under way, by key: not readable from the store yet. */
  #fresh = new Map<string, Remembered>()
  /** Of the batch under way: the keys that end at a time. */
  #ends = new Map<number, string[]>()
  #batchNumber = 0

  constructor(store: Store, clock: RunningClock) {
    this.#store = store
    this.#clock = clock
    this.#batchNumber = clock.now()
  }

  keyOf(channel: string, publication: NewPublication): PublicationKey {
    return { key: dedupeKey(channel, publication), payloadHash: payloadHash(publication) }
  }

  /** The first publish's result if the id is within its window. Throws BackendError `id-conflict`. */
  find({ key, payloadHash: hash }: PublicationKey): PublishResult | undefined {
    const first = this.#fresh.get(key) ?? this.#stored(bytesOf(key))
    if (first === undefined || first.expiresAt <= this.#clock.now()) return undefined
    if (first.payloadHash !== hash) {
      throw new BackendError('id-conflict', 'This id was used for another publication.')
    }
    return { ...first.result, duplicate: true }
  }

  remember(writes: Writes, { key, payloadHash: hash }: PublicationKey, result: PublishResult, windowMs: number): void {
    const expiresAt = this.#clock.now() + windowMs
    const remembered = { payloadHash: hash, expiresAt, result }
    this.#fresh.set(key, remembered)
    writes.put('dedupe', bytesOf(key), encode(remembered))
    const keys = this.#ends.get(expiresAt)
    if (keys === undefined) this.#ends.set(expiresAt, [key])
    else keys.push(key)
  }

  /** Ends a batch: writes when its ids end, and removes up to about `limit` that have ended. */
  finish(writes: Writes, limit: number): void {
    this.#removeEnded(writes, limit)
    for (const [expiresAt, keys] of this.#ends) {
      this.#batchNumber += 1
      writes.put('expiry', expiryKey(expiresAt, this.#batchNumber), bytesOf(keys.join('')))
    }
    this.#ends = new Map()
  }

  /** The batch is on the disk, or came to nothing. */
  settle(): void {
    this.#fresh = new Map()
    this.#ends = new Map()
  }

  /** Whether any id's window has ended, so that a batch should be written to remove it. */
  hasEnded(): boolean {
    for (const { key } of this.#store.scan('expiry', this.#endedRange())) return key.length > 0
    return false
  }

  #removeEnded(writes: Writes, limit: number): void {
    const now = this.#clock.now()
    let left = limit
    for (const { key, value } of this.#store.scan('expiry', this.#endedRange())) {
      for (let at = 0; at < value.length; at += HASH_BYTES) {
        const entryKey = value.subarray(at, at + HASH_BYTES)
        const entry = this.#stored(entryKey)
        // One that was published anew since then has a later end, and an entry of its own for it.
        if (entry !== undefined && entry.expiresAt <= now && !this.#fresh.has(entryKey.toString('latin1'))) {
          writes.remove('dedupe', entryKey)
        }
        left -= 1
      }
      writes.remove('expiry', key)
      if (left <= 0) return
    }
  }

  #endedRange(): { readonly start: Buffer; readonly end: Buffer } {
    return { start: expiryKey(0, 0), end: expiryKey(this.#clock.now(), MAX_NUMBER) }
  }

  #stored(key: Buffer): Remembered | undefined {
    const value = this.#store.get('dedupe', key)
    return value === undefined ? undefined : decode(value)
  }
}

const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1')

const expiryKey = (expiresAt: number, batch: number): Buffer => {
  const key = Buffer.allocUnsafe(2 * NUMBER_BYTES)
  key.writeUIntBE(expiresAt, 0, NUMBER_BYTES)
  key.writeUIntBE(batch, NUMBER_BYTES, NUMBER_BYTES)
  return key
}

const encode = ({ payloadHash: hash, expiresAt, result }: Remembered): Buffer => {
  const value = Buffer.allocUnsafe(POSITION_AT + result.position.length)
  value.write(hash, 0, 'latin1')
  value.writeUIntBE(expiresAt, HASH_BYTES, NUMBER_BYTES)
  value.writeUIntBE(result.offset, HASH_BYTES + NUMBER_BYTES, NUMBER_BYTES)
  value.writeUIntBE(result.time, HASH_BYTES + 2 * NUMBER_BYTES, NUMBER_BYTES)
  value.write(result.position, POSITION_AT, 'latin1')
  return value
}

const decode = (value: Buffer): Remembered => ({
  payloadHash: value.toString('latin1', 0, HASH_BYTES),
  expiresAt: value.readUIntBE(HASH_BYTES, NUMBER_BYTES),
  result: {
    offset: value.readUIntBE(HASH_BYTES + NUMBER_BYTES, NUMBER_BYTES),
    time: value.readUIntBE(HASH_BYTES + 2 * NUMBER_BYTES, NUMBER_BYTES),
    position: value.toString('latin1', POSITION_AT),
    durability: 'disk',
    duplicate: false,
  },
})
