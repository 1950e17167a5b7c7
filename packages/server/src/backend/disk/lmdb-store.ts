import { statfsSync } from 'node:fs'
import { join } from 'node:path'
import type { Database } from 'lmdb'
import { Reserve } from './reserve.js'
import {
  type Room,
  type ScanRange,
  type Store,
  StoreError,
  type StoredEntry,
  type Table,
  TABLES,
  type Writes,
} from './store.js'

export const DATA_FILE = 'data.mdb'

/** ENOSPC, EDQUOT, EFBIG as LMDB has them and as Node does, and LMDB's own MDB_MAP_FULL. */
const FULL_CODES: readonly unknown[] = [28, 122, 27, -30792, 'ENOSPC', 'EDQUOT', 'EFBIG']
const EIO = 5
/** With less than this free, an input/output error is what LMDB says of a write that was cut short. */
const NEARLY_FULL_BYTES = 1024 * 1024

/** Of a transaction, for the branches of its trees, lists of free pages and the like. */
const PAGES_PER_COMMIT = 64
/** A larger value has pages of its own. */
const MAX_SHARED_BYTES = 1024

type Tables = Readonly<Record<Table, Database<Buffer>>>

/**
 * Opens (or makes) the LMDB environment `data.mdb` in a directory. `mapBytes` is address space, not disk: an environment
 * that outgrows it is mapped again, which leaves the old maps behind.
 */
export const openLmdbStore = async (dir: string, mapBytes: number): Promise<Store> => {
  // Only here, so that a server without a disk backend never loads the native addon.
  const { open } = await import('lmdb')
  const path = join(dir, DATA_FILE)
  const env = open<Buffer>({
    path,
    noSubdir: true,
    mapSize: mapBytes,
    maxDbs: TABLES.length,
    encoding: 'binary',
    keyEncoding: 'binary',
    // Plain LMDB commits: what is committed was synced. The writer would wait for the flush of each batch anyway, and a
    // failed sync then fails its commit instead of leaving a flush pending.
    overlappingSync: false,
    // Each commit is a batch of its own. (Batches by turn make promises that nobody can see, nor catch.)
    eventTurnBatching: false,
  })
  const tables = Object.fromEntries(
    TABLES.map((name) => [name, env.openDB<Buffer>({ name, encoding: 'binary', keyEncoding: 'binary' })]),
  ) as Record<Table, Database<Buffer>>
  try {
    return new LmdbStore(dir, env, tables, await Reserve.open(path, pagesOf(env).bytes))
  } catch (error) {
    await env.close()
    throw error
  }
}

class LmdbStore implements Store {
  readonly #dir: string
  readonly #env: Database<Buffer>
  readonly #tables: Tables
  readonly #reserve: Reserve

  constructor(dir: string, env: Database<Buffer>, tables: Tables, reserve: Reserve) {
    this.#dir = dir
    this.#env = env
    this.#tables = tables
    this.#reserve = reserve
  }

  get(table: Table, key: Uint8Array): Buffer | undefined {
    return this.#tables[table].get(key)
  }

  lend(table: Table, key: Uint8Array): Buffer | undefined {
    return this.#tables[table].getBinaryFast(key)
  }

  *scan(table: Table, { start, end, reverse = false }: ScanRange): Iterable<StoredEntry> {
    const range = this.#tables[table].getRange({ start, end, reverse, inclusiveEnd: true })
    for (const { key, value } of range) yield { key: key as Uint8Array, value }
  }

  async commit(fill: (writes: Writes) => void): Promise<void> {
    const batch = new Batch()
    fill(batch)
    if (batch.isEmpty) return
    await this.#claimRoom(batch)
    try {
      await this.#env.batch(() => batch.writeTo(this.#tables))
    } catch (error) {
      throw error instanceof Error && 'commitError' in error ? await this.#commitError(error) : error
    }
  }

  async flushed(): Promise<void> {
    await this.#env.flushed
  }

  room(): Room {
    let usedBytes = 0
    for (const table of TABLES) usedBytes += bytesOf(this.#tables[table].getStats() as TableStats)
    const { bytes } = pagesOf(this.#env)
    const freeInFile = Math.max(0, bytes - usedBytes) + this.#reserve.bytesBehind(bytes)
    return { usedBytes, freeBytes: this.#freeOnDisk() + freeInFile }
  }

  async close(): Promise<void> {
    await this.#env.close()
    await this.#reserve.close()
  }

  async #claimRoom(batch: Batch): Promise<void> {
    const { bytes, pageBytes } = pagesOf(this.#env)
    const needed = (batch.pages(pageBytes) + PAGES_PER_COMMIT) * pageBytes
    try {
      await this.#reserve.claim(bytes, needed)
    } catch (error) {
      throw this.#storeError(error)
    }
  }

  #freeOnDisk(): number {
    const { bavail, bsize } = statfsSync(this.#dir)
    return bavail * bsize
  }

  /** lmdb rejects with an error that promises another one with the reason. */
  async #commitError(error: Error): Promise<StoreError> {
    const promised = (error as { readonly commitError?: unknown }).commitError
    const reason = await Promise.resolve(promised).catch((cause: unknown) => cause)
    return this.#storeError(reason instanceof Error ? reason : error)
  }

  #storeError(cause: unknown): StoreError {
    const { code } = cause as { readonly code?: unknown }
    const isFull = FULL_CODES.includes(code) || (code === EIO && this.#freeOnDisk() < NEARLY_FULL_BYTES)
    const message = cause instanceof Error ? cause.message : String(cause)
    return new StoreError(isFull ? 'full' : 'failed', message, { cause })
  }
}

/** What a transaction will write, so that there is room for it before LMDB is told. */
class Batch implements Writes {
  readonly #operations: { readonly table: Table; readonly key: Uint8Array; readonly value: Uint8Array | null }[] = []

  get isEmpty(): boolean {
    return this.#operations.length === 0
  }

  put(table: Table, key: Uint8Array, value: Uint8Array): void {
    this.#operations.push({ table, key, value })
  }

  remove(table: Table, key: Uint8Array): void {
    this.#operations.push({ table, key, value: null })
  }

  /** About how many pages it takes when each entry is in another one, which is a copy. */
  pages(pageBytes: number): number {
    let pages = 0
    for (const { value } of this.#operations) {
      pages += value !== null && value.length > MAX_SHARED_BYTES ? 2 + Math.ceil(value.length / pageBytes) : 1
    }
    return pages
  }

  writeTo(tables: Tables): void {
    for (const { table, key, value } of this.#operations) {
      if (value === null) void tables[table].remove(key)
      else void tables[table].put(key, value as Buffer)
    }
  }
}

interface TableStats {
  readonly pageSize: number
  readonly treeBranchPageCount: number
  readonly treeLeafPageCount: number
  readonly overflowPages: number
}

interface EnvironmentStats {
  readonly lastPageNumber: number
  readonly pageSize: number
}

/** How much of the file was ever used, and how large a page is. */
const pagesOf = (env: Database<Buffer>): { readonly bytes: number; readonly pageBytes: number } => {
  const { lastPageNumber, pageSize } = env.getStats() as EnvironmentStats
  return { bytes: (lastPageNumber + 1) * pageSize, pageBytes: pageSize }
}

const bytesOf = ({ pageSize, treeBranchPageCount, treeLeafPageCount, overflowPages }: TableStats): number =>
  pageSize * (treeBranchPageCount + treeLeafPageCount + overflowPages)
