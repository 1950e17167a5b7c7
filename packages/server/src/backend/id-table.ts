import { HASH_BYTES } from './fingerprint.js'
import { AccountNumbers } from './account-numbers.js'
import { IdShard } from './id-shard.js'
import { SHARE } from './shares.js'

/** What is remembered of one publication id. */
export interface IdEntry {
  /** Hash of the publication: HASH_BYTES characters, one a byte. */
  readonly payloadHash: string
  readonly offset: number
  /** Milliseconds since 1970. */
  readonly time: number
  /** In the unit of whoever asks; greater than 0. */
  readonly expiresAt: number
  /** A number below 2^32 that means something to whoever remembers. */
  readonly tag: number
}

const SHARDS = 256

/** Slots that are looked at with each new id … */
const SWEPT_AT_PUBLISH = 4
/** … while it is full … */
const SWEPT_WHEN_FULL = 1024
/** … and the part of all that is looked at now and then in any case. */
const SWEPT_PART = 16

/**
 * Publication ids by hash, in millions: 64 bytes each outside the garbage collector's heap, which would look at every
 * object of a map again and again. Growing touches one of 256 parts at a time, so that nobody waits for it.
 *
 * What has expired is forgotten a few slots at a time: as fast as something comes, and by `tidy`. `now` is in the unit of
 * the entries' ends.
 */
export class IdTable {
  readonly #shards: (IdShard | undefined)[] = Array.from({ length: SHARDS }, () => undefined)
  readonly #key = Buffer.alloc(HASH_BYTES)
  readonly #keyWords = new Uint32Array(this.#key.buffer, this.#key.byteOffset, HASH_BYTES / 4)
  readonly #maxEntries: number
  readonly #accounts = new AccountNumbers()
  readonly #forgotten: (tag: number) => void
  #size = 0
  #sweptShard = 0
  #sweptSlot = 0

  /** `forgotten` is told the tag of each entry that has expired, when it goes. */
  constructor(maxEntries: number, forgotten: (tag: number) => void = () => undefined) {
    this.#maxEntries = maxEntries
    this.#forgotten = forgotten
  }

  get size(): number {
    return this.#size
  }

  /** How many bytes it takes. */
  get bytes(): number {
    return this.#shards.reduce((sum, shard) => sum + (shard?.bytes ?? 0), 0)
  }

  /** `key` is a hash: HASH_BYTES characters, one a byte. */
  get(key: string): IdEntry | undefined {
    return this.#shardOf(key)?.get(this.#keyWords)
  }

  /** Says whether the key is a new one. `payer`: whose share it counts in; undefined: nobody's. */
  set(key: string, entry: IdEntry, payer?: string): boolean {
    const shard = this.#shardOf(key) ?? (this.#shards[this.#number] = new IdShard())
    const account = payer === undefined ? 0 : this.#accounts.numberOf(payer)
    const before = shard.set(this.#keyWords, entry, account)
    this.#accounts.add(account)
    if (before !== undefined) this.#accounts.remove(before)
    else this.#size += 1
    return before === undefined
  }

  delete(key: string): void {
    const account = this.#shardOf(key)?.delete(this.#keyWords)
    if (account === undefined) return
    this.#accounts.remove(account)
    this.#size -= 1
  }

  /** Whether the account has no more than its share. */
  hasShare(account: string | undefined, now: number): boolean {
    const most = this.#maxEntries * SHARE
    if (account === undefined || this.#accounts.countOf(account) < most) return true
    this.sweep(now, SWEPT_WHEN_FULL)
    return this.#accounts.countOf(account) < most
  }

  /** Whether one more may be remembered. */
  hasRoom(now: number): boolean {
    this.sweep(now, SWEPT_AT_PUBLISH)
    if (this.#size >= this.#maxEntries) this.sweep(now, SWEPT_WHEN_FULL)
    return this.#size < this.#maxEntries
  }

  /** Forgets a part of what has expired. Call it now and then. */
  tidy(now: number): void {
    this.sweep(now, this.#size / SWEPT_PART + SWEPT_WHEN_FULL)
  }

  /** Looks at `slots` more of them, and forgets what has expired there. */
  sweep(now: number, slots: number): void {
    for (let left = slots; left > 0; left -= 1) {
      const shard = this.#shards[this.#sweptShard]
      if (shard === undefined || this.#sweptSlot >= shard.capacity) {
        shard?.fit()
        if (shard?.count === 0) this.#shards[this.#sweptShard] = undefined
        this.#sweptShard = (this.#sweptShard + 1) % SHARDS
        this.#sweptSlot = 0
        continue
      }
      const expired = shard.expire(this.#sweptSlot, now)
      if (expired === undefined) {
        this.#sweptSlot += 1
      } else {
        // What stood behind it may have moved into its slot, which is looked at again.
        this.#size -= 1
        this.#accounts.remove(expired.account)
        this.#forgotten(expired.tag)
      }
    }
  }

  clear(): void {
    this.#shards.fill(undefined)
    this.#accounts.clear()
    this.#size = 0
  }

  #shardOf(key: string): IdShard | undefined {
    this.#key.write(key, 'latin1')
    return this.#shards[this.#number]
  }

  /** Of the key's shard; its first byte is used for nothing else. */
  get #number(): number {
    return this.#key[0] ?? 0
  }
}
