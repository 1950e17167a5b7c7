import { statfsSync } from 'node:fs'
import { join } from 'node:path'
import type { Database } from 'lmdb'
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

/** ENOSPC, EDQUOT, EFBIG, and LMDB's own MDB_MAP_FULL. */
const FULL_CODES: readonly unknown[] = [28, 122, 27, -30792]
const EIO = 5
/** With less than this free, an input/output error is what LMDB says of a write that was cut short. */
const NEARLY_FULL_BYTES = 1024 * 1024

type Tables = Readonly<Record<Table, Database<Buffer>>>

/**
 * Opens (or makes) the LMDB environment `data.mdb` in a directory. `mapBytes` is address space, not disk: an environment
 * that outgrows it is mapped again, which leaves the old maps behind.
 */
export const openLmdbStore = async (dir: string, mapBytes: number): Promise<Store> => {
  // Only here, so that a server without a disk backend never loads the native addon.
  const { open } = await import('lmdb')
  const env = open<Buffer>({
    path: join(dir, DATA_FILE),
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
  return new LmdbStore(dir, env, tables)
}

class LmdbStore implements Store {
  readonly #dir: string
  readonly #env: Database<Buffer>
  readonly #tables: Tables

  constructor(dir: string, env: Database<Buffer>, tables: Tables) {
    this.#dir = dir
    this.#env = env
    this.#tables = tables
  }

  get(table: Table, key: Uint8Array): Buffer | undefined {
    return this.#tables[table].get(key)
  }

  *scan(table: Table, { start, end, reverse = false }: ScanRange): Iterable<StoredEntry> {
    const range = this.#tables[table].getRange({ start, end, reverse, inclusiveEnd: true })
    for (const { key, value } of range) yield { key: key as Uint8Array, value }
  }

  async commit(fill: (writes: Writes) => void): Promise<void> {
    try {
      await this.#env.batch(() => {
        fill({
          put: (table, key, value) => void this.#tables[table].put(key, value as Buffer),
          remove: (table, key) => void this.#tables[table].remove(key),
        })
      })
    } catch (error) {
      throw error instanceof Error && 'commitError' in error ? await this.#storeError(error) : error
    }
  }

  async flushed(): Promise<void> {
    await this.#env.flushed
  }

  room(): Room {
    let usedBytes = 0
    for (const table of TABLES) usedBytes += bytesOf(this.#tables[table].getStats() as TableStats)
    const { lastPageNumber, pageSize } = this.#env.getStats() as EnvironmentStats
    const freeInFile = Math.max(0, (lastPageNumber + 1) * pageSize - usedBytes)
    return { usedBytes, freeBytes: this.#freeOnDisk() + freeInFile }
  }

  async close(): Promise<void> {
    await this.#env.close()
  }

  #freeOnDisk(): number {
    const { bavail, bsize } = statfsSync(this.#dir)
    return bavail * bsize
  }

  /** lmdb rejects with an error that promises another one with the reason. */
  async #storeError(error: unknown): Promise<StoreError> {
    const promised = (error as { readonly commitError?: unknown }).commitError
    const reason = await Promise.resolve(promised).catch((cause: unknown) => cause)
    const cause = reason instanceof Error ? reason : error
    const { code } = cause as { readonly code?: unknown }
    const isFull = FULL_CODES.includes(code) || (code === EIO && this.#freeOnDisk() < NEARLY_FULL_BYTES)
    const message = cause instanceof Error ? cause.message : String(cause)
    return new StoreError(isFull ? 'full' : 'failed', message, { cause })
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

const bytesOf = ({ pageSize, treeBranchPageCount, treeLeafPageCount, overflowPages }: TableStats): number =>
  pageSize * (treeBranchPageCount + treeLeafPageCount + overflowPages)
