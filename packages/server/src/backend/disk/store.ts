/**
 * What the disk backend asks of its storage: ordered tables, transactions, and to know when they are on the disk. A
 * fault-injecting one can stand in for LMDB.
 */
export const TABLES = ['facts', 'channels', 'log', 'dedupe', 'state'] as const
export type Table = (typeof TABLES)[number]

export interface StoredEntry {
  readonly key: Uint8Array
  readonly value: Buffer
}

export interface ScanRange {
  /** Inclusive; the larger key when `reverse`. */
  readonly start: Uint8Array
  /** Inclusive; the smaller key when `reverse`. */
  readonly end: Uint8Array
  readonly reverse?: boolean
}

export interface Writes {
  put(table: Table, key: Uint8Array, value: Uint8Array): void
  /** Does nothing if there is none. */
  remove(table: Table, key: Uint8Array): void
}

/** Why a commit was refused: nothing of it was stored. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
  /** `full`: there was no room; later commits may succeed. `failed`: nothing is known to work any more. */
  readonly kind: 'full' | 'failed'

  constructor(kind: StoreError['kind'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

/** About how much there is, and how much there could be. */
export interface Room {
  /** What the tables take; pages that are free for reuse do not count. */
  readonly usedBytes: number
  /** How much more can be written: what is free on the disk, and inside the files what was freed or is claimed. */
  readonly freeBytes: number
}

export interface Store {
  /** What was committed, flushed or not. The buffer is the caller's. */
  get(table: Table, key: Uint8Array): Buffer | undefined
  /** As `get`, without a copy: the buffer is the store's, and holds the value until the store is asked again. */
  lend(table: Table, key: Uint8Array): Buffer | undefined
  /** Entries of one snapshot, in key order; must be used up or left in the turn it was made in. */
  scan(table: Table, range: ScanRange): Iterable<StoredEntry>
  /**
   * One transaction of what `fill` writes, which it must do before it returns. Resolves once committed: readable, and
   * perhaps not yet on the disk. Rejects with StoreError.
   */
  commit(fill: (writes: Writes) => void): Promise<void>
  /** Resolves once all that was committed is on the disk. Rejects, or stays pending for ever, if a sync failed. */
  flushed(): Promise<void>
  room(): Room
  /** Lets go of the files; waits for a commit under way. */
  close(): Promise<void>
}
