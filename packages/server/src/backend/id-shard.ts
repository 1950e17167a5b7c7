import { HASH_BYTES } from './fingerprint.js'
import type { IdEntry } from './id-table.js'

/**
 * A record has 64 bytes: the key (4 words of 32 bits), the hash of the publication (4 words), then as 64-bit numbers offset,
 * time and end (0: the slot is free), then the tag and the number of
 * an account.
 */
const RECORD_BYTES = 64
const WORDS = RECORD_BYTES / 4
const NUMBERS = RECORD_BYTES / 8
const HASH_AT = HASH_BYTES
const OFFSET = 4
const TIME = 5
const EXPIRES = 6
const TAG_WORD = 14
const ACCOUNT_WORD = 15

const MIN_CAPACITY = 16
/** How full it gets before it grows, and what it is after: by a third, because most tables stop somewhere. */
const MAX_LOAD = 0.8
const LOAD_AFTER = 0.6
/** Below this load it shrinks. */
const MIN_LOAD = 0.2

export type KeyWords = Uint32Array

/** A part of the table of ids: open addressing in one block of memory, each record behind the slot its key asks for. */
export class IdShard {
  #capacity = MIN_CAPACITY
  #count = 0
  #bytes = Buffer.alloc(MIN_CAPACITY * RECORD_BYTES)
  #words = wordsOf(this.#bytes)
  #numbers = numbersOf(this.#bytes)

  get capacity(): number {
    return this.#capacity
  }

  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return this.#capacity * RECORD_BYTES
  }

  get(key: KeyWords): IdEntry | undefined {
    const slot = this.#slotOf(key)
    if (!this.#isUsed(slot)) return undefined
    const at = slot * RECORD_BYTES
    return {
      payloadHash: this.#bytes.toString('latin1', at + HASH_AT, at + HASH_AT + HASH_BYTES),
      offset: this.#number(slot, OFFSET),
      time: this.#number(slot, TIME),
      expiresAt: this.#number(slot, EXPIRES),
      tag: this.#words[slot * WORDS + TAG_WORD] ?? 0,
    }
  }

  /** Gives the account of the entry that was there before; undefined: the key is a new one. */
  set(key: KeyWords, { payloadHash, offset, time, expiresAt, tag }: IdEntry, account: number): number | undefined {
    let slot = this.#slotOf(key)
    const isNew = !this.#isUsed(slot)
    if (isNew && this.#count + 1 > this.#capacity * MAX_LOAD) {
      this.#resize(Math.ceil((this.#count + 1) / LOAD_AFTER))
      slot = this.#slotOf(key)
    }
    const before = isNew ? undefined : this.#accountAt(slot)
    this.#words.set(key, slot * WORDS)
    this.#bytes.write(payloadHash, slot * RECORD_BYTES + HASH_AT, 'latin1')
    this.#numbers[slot * NUMBERS + OFFSET] = offset
    this.#numbers[slot * NUMBERS + TIME] = time
    this.#numbers[slot * NUMBERS + EXPIRES] = expiresAt
    this.#words[slot * WORDS + TAG_WORD] = tag
    this.#words[slot * WORDS + ACCOUNT_WORD] = account
    if (isNew) this.#count += 1
    return before
  }

  /** Gives the account of what was there. */
  delete(key: KeyWords): number | undefined {
    const slot = this.#slotOf(key)
    if (!this.#isUsed(slot)) return undefined
    const account = this.#accountAt(slot)
    this.#free(slot)
    return account
  }

  /** Frees the slot if what it holds has expired, and gives its tag and account then. Another record may stand there afterwards. */
  expire(slot: number, now: number): { readonly tag: number; readonly account: number } | undefined {
    const expiresAt = this.#number(slot, EXPIRES)
    if (expiresAt === 0 || expiresAt > now) return undefined
    const expired = { tag: this.#words[slot * WORDS + TAG_WORD] ?? 0, account: this.#accountAt(slot) }
    this.#free(slot)
    return expired
  }

  /** Gives back memory that it does not need any more. */
  fit(): void {
    const capacity = Math.max(MIN_CAPACITY, Math.ceil(this.#count / LOAD_AFTER))
    if (this.#capacity > MIN_CAPACITY && this.#count < this.#capacity * MIN_LOAD) this.#resize(capacity)
  }

  #accountAt(slot: number): number {
    return this.#words[slot * WORDS + ACCOUNT_WORD] ?? 0
  }

  #number(slot: number, field: number): number {
    return this.#numbers[slot * NUMBERS + field] ?? 0
  }

  #isUsed(slot: number): boolean {
    return this.#number(slot, EXPIRES) !== 0
  }

  /** Where records of this key would like to stand. */
  #homeOf(words: Uint32Array, at: number): number {
    return Math.floor(((words[at + 1] ?? 0) / 2 ** 32) * this.#capacity)
  }

  /** Where the key is, or the free slot where it would go. */
  #slotOf(key: KeyWords): number {
    let slot = this.#homeOf(key, 0)
    while (this.#isUsed(slot) && !this.#holds(slot, key)) slot = this.#next(slot)
    return slot
  }

  #holds(slot: number, key: KeyWords): boolean {
    const words = this.#words
    const at = slot * WORDS
    return words[at] === key[0] && words[at + 1] === key[1] && words[at + 2] === key[2] && words[at + 3] === key[3]
  }

  #next(slot: number): number {
    return slot + 1 === this.#capacity ? 0 : slot + 1
  }

  /** Moves what stands behind the slot forward, so that no search stops at a hole. */
  #free(slot: number): void {
    let hole = slot
    for (let at = this.#next(slot); this.#isUsed(at); at = this.#next(at)) {
      const home = this.#homeOf(this.#words, at * WORDS)
      const distance = (at - home + this.#capacity) % this.#capacity
      const toHole = (at - hole + this.#capacity) % this.#capacity
      if (distance < toHole) continue
      this.#words.copyWithin(hole * WORDS, at * WORDS, (at + 1) * WORDS)
      hole = at
    }
    this.#numbers[hole * NUMBERS + EXPIRES] = 0
    this.#count -= 1
  }

  #resize(capacity: number): void {
    const words = this.#words
    const numbers = this.#numbers
    this.#capacity = capacity
    this.#bytes = Buffer.alloc(capacity * RECORD_BYTES)
    this.#words = wordsOf(this.#bytes)
    this.#numbers = numbersOf(this.#bytes)
    for (let from = 0; from < words.length; from += WORDS) {
      if (numbers[from / 2 + EXPIRES] === 0) continue
      // Keys are all different: the first free slot is the right one.
      let slot = this.#homeOf(words, from)
      while (this.#isUsed(slot)) slot = this.#next(slot)
      // Word by word, because a view of each record costs more.
      const to = slot * WORDS
      for (let word = 0; word < WORDS; word += 1) this.#words[to + word] = words[from + word] ?? 0
    }
  }
}

/** Views of the same memory: `Buffer.alloc`, other than `allocUnsafe`, gives each buffer its own. */
const wordsOf = (bytes: Buffer): Uint32Array => new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
const numbersOf = (bytes: Buffer): Float64Array => new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8)
