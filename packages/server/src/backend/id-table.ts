import { HASH_BYTES } from './fingerprint.js'
import { IdShard } from './id-shard.js'

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

/**
 * Publication ids by hash, in millions: 64 bytes each outside the garbage collector's heap, which would look at every
 * object of a map again and again. Growing touches one of 256 parts at a time, so that nobody waits for it.
 *
 * Nothing goes by itself: `sweep` forgets what has expired, a few slots at each call.
 */
export class IdTable {
  readonly #shards: (IdShard | undefined)[] = Array.from({ length: SHARDS }, () => undefined)
  readonly #key = Buffer.alloc(HASH_BYTES)
  readonly #keyWords = new Uint32Array(this.#key.buffer, this.#key.byteOffset, HASH_BYTES / 4)
  #size = 0
  #sweptShard = 0
  #sweptSlot = 0

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

  /** Says whether the key is a new one. */
  set(key: string, entry: IdEntry): boolean {
    const shard = this.#shardOf(key) ?? (this.#shards[this.#number] = new IdShard())
    const isNew = shard.set(this.#keyWords, entry)
    if (isNew) this.#size += 1
    return isNew
  }

  delete(key: string): void {
    if (this.#shardOf(key)?.delete(this.#keyWords) === true) this.#size -= 1
  }

  /** Looks at `slots` more of them and forgets those that have expired; `forgotten` is told of each one's tag. */
  sweep(now: number, slots: number, forgotten: (tag: number) => void): void {
    for (let left = slots; left > 0; left -= 1) {
      const shard = this.#shards[this.#sweptShard]
      if (shard === undefined || this.#sweptSlot >= shard.capacity) {
        shard?.fit()
        if (shard?.count === 0) this.#shards[this.#sweptShard] = undefined
        this.#sweptShard = (this.#sweptShard + 1) % SHARDS
        this.#sweptSlot = 0
        continue
      }
      const tag = shard.expire(this.#sweptSlot, now)
      if (tag === undefined) {
        this.#sweptSlot += 1
      } else {
        // What stood behind it may have moved into its slot, which is looked at again.
        this.#size -= 1
        forgotten(tag)
      }
    }
  }

  clear(): void {
    this.#shards.fill(undefined)
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
