import type { ScanRange, Store, StoredEntry, StoreError, Table, Writes } from '@tidings/server/disk'

type Content = ReadonlyMap<string, Buffer>

/**
 * A disk in memory to put under the disk backend (`diskBackend`): what is committed can be read, and only what is flushed
 * survives a crash.
 */
export class FaultyDisk {
  #flushed: Content = new Map()
  #committed: Content = new Map()
  /** Flushes wait for `letFlush` while this is on. */
  holdsFlushes = false
  /** What is left on the disk. */
  freeBytes = 1e9
  /** What the store says it takes. */
  usedBytes = 0
  /** What the next commit rejects with. */
  failNextCommit: StoreError | null = null
  #waiting: (() => void)[] = []

  /** Ends `holdsFlushes`; what waits is flushed now. */
  letFlush(): void {
    this.holdsFlushes = false
    const waiting = this.#waiting
    this.#waiting = []
    for (const flush of waiting) flush()
  }

  /** How many entries a table has. */
  rows(table: Table): number {
    return [...this.#committed.keys()].filter((key) => key.startsWith(`${table}/`)).length
  }

  /** The power fails: what was not flushed is gone. */
  crash(): void {
    this.#committed = this.#flushed
    this.#waiting = []
    this.holdsFlushes = false
  }

  /** The disk as a store sees it, after every crash a new one. */
  open(): Store {
    const keyOf = (table: Table, key: Uint8Array): string => `${table}/${Buffer.from(key).toString('latin1')}`
    return {
      get: (table, key) => this.#committed.get(keyOf(table, key)),
      scan: (table, range) => this.#scan(table, range),
      commit: async (fill) => {
        const next = new Map(this.#committed)
        fill({
          put: (table, key, value) => next.set(keyOf(table, key), Buffer.from(value)),
          remove: (table, key) => next.delete(keyOf(table, key)),
        } satisfies Writes)
        await Promise.resolve()
        const failure = this.failNextCommit
        this.failNextCommit = null
        if (failure !== null) throw failure
        this.#committed = next
      },
      flushed: () => {
        const content = this.#committed
        return new Promise((resolve) => {
          const flush = (): void => {
            this.#flushed = content
            resolve()
          }
          if (this.holdsFlushes) this.#waiting.push(flush)
          else flush()
        })
      },
      room: () => ({ usedBytes: this.usedBytes, freeBytes: this.freeBytes }),
      close: () => Promise.resolve(),
    }
  }

  *#scan(table: Table, { start, end, reverse = false }: ScanRange): Iterable<StoredEntry> {
    const [low, high] = reverse ? [end, start] : [start, end]
    const found = [...this.#committed]
      .filter(([key]) => key.startsWith(`${table}/`))
      .map(([key, value]) => ({ key: Buffer.from(key.slice(table.length + 1), 'latin1'), value }))
      .filter(({ key }) => Buffer.compare(key, low) >= 0 && Buffer.compare(key, high) <= 0)
      .sort((one, other) => Buffer.compare(one.key, other.key))
    yield* reverse ? found.reverse() : found
  }
}
