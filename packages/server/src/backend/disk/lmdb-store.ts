import { join } from 'node:path'
import type { Database } from 'lmdb'
import { type ScanRange, type Store, StoreError, type StoredEntry, type Table, TABLES, type Writes } from './store.js'

export const DATA_FILE = 'data.mdb'

/** ENOSPC, EDQUOT, EFBIG, and LMDB's own MDB_MAP_FULL. */
const FULL_CODES: readonly unknown[] = [28, 122, 27, -30792]

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
  })
  const tables = Object.fromEntries(
    TABLES.map((name) => [name, env.openDB<Buffer>({ name, encoding: 'binary', keyEncoding: 'binary' })]),
  ) as Record<Table, Database<Buffer>>
  return new LmdbStore(env, tables)
}

class LmdbStore implements Store {
  readonly #env: Database<Buffer>
  readonly #tables: Tables

  constructor(env: Database<Buffer>, tables: Tables) {
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
    let committed: Promise<boolean> | undefined
    // lmdb makes one transaction of all writes of a turn and gives them one promise.
    fill({
      put: (table, key, value) => {
        committed = this.#tables[table].put(key, value as Buffer)
      },
      remove: (table, key) => {
        committed = this.#tables[table].remove(key)
      },
    })
    try {
      await committed
    } catch (error) {
      throw await storeError(error)
    }
  }

  async flushed(): Promise<void> {
    await this.#env.flushed
  }

  usedBytes(): number {
    let bytes = 0
    for (const table of TABLES) bytes += bytesOf(this.#tables[table].getStats() as TableStats)
    return bytes
  }

  async close(): Promise<void> {
    await this.#env.close()
  }
}

interface TableStats {
  readonly pageSize: number
  readonly treeBranchPageCount: number
  readonly treeLeafPageCount: number
  readonly overflowPages: number
}

const bytesOf = ({ pageSize, treeBranchPageCount, treeLeafPageCount, overflowPages }: TableStats): number =>
  pageSize * (treeBranchPageCount + treeLeafPageCount + overflowPages)

/** lmdb rejects with an error that promises another one with the reason. */
const storeError = async (error: unknown): Promise<StoreError> => {
  const reason = await Promise.resolve((error as { readonly commitError?: unknown }).commitError).catch(
    (cause: unknown) => cause,
  )
  const cause = reason instanceof Error ? reason : error
  const code = (cause as { readonly code?: unknown }).code
  const kind = FULL_CODES.includes(code) ? 'full' : 'failed'
  return new StoreError(kind, cause instanceof Error ? cause.message : String(cause), { cause })
}
