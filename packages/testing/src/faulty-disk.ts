import { type ScanRange, type Store, type StoredEntry, StoreError, type Table, type Writes } from '@tidings/server/disk'

type Content = ReadonlyMap<string, Buffer>

/**
 * A moment in the life of a batch. `commit`: it is about to be written; `committed`: it can be read, and is not on the
 * disk; `flushed`: it is on the disk, and nobody was told.
 */
export type DiskMoment = 'commit' | 'committed' | 'flushed'

const keyOf = (table: Table, key: Uint8Array): string => `${table}/${Buffer.from(key).toString('latin1')}`

/**
 * A disk in memory to put under the disk backend (`diskBackend`): what is committed can be read, and only what is flushed
 * survives a crash.
 */
export class FaultyDisk {
  #flushed: Content = new Map()
  /** As the store that was opened last sees it. */
  #opened: OpenedDisk | undefined
  /** Flushes wait for `letFlush` while this is on. */
  holdsFlushes = false
  /** What is left on the disk. */
  freeBytes = 1e9
  /** What the store says it takes. */
  usedBytes = 0
  /** What the next commit rejects with. */
  failNextCommit: StoreError | null = null
  /** Called at each moment of each batch; `crash` may be called in it. */
  onMoment: ((moment: DiskMoment) => void) | null = null
  #waiting: (() => void)[] = []

  /** Flushes that wait. */
  get heldFlushes(): number {
    return this.#waiting.length
  }

  /** Ends `holdsFlushes`; what waits is flushed now. */
  letFlush(): void {
    this.holdsFlushes = false
    const waiting = this.#waiting
    this.#waiting = []
    for (const flush of waiting) flush()
  }

  /** How many entries a table has. */
  rows(table: Table): number {
    return [...(this.#opened?.committed ?? this.#flushed).keys()].filter((key) => key.startsWith(`${table}/`)).length
  }

  /**
   * The power fails: what was not flushed is gone. Stores that were opened before never write again, and whatever they
   * are asked to write, or were, rejects.
   */
  crash(): void {
    this.#opened?.lose()
    this.#opened = undefined
    this.holdsFlushes = false
    const waiting = this.#waiting
    this.#waiting = []
    for (const flush of waiting) flush()
  }

  /** The disk as a store sees it, after every crash a new one. */
  open(): Store {
    const opened = new OpenedDisk(this.#flushed)
    this.#opened = opened
    return {
      get: (table, key) => opened.committed.get(keyOf(table, key)),
      lend: (table, key) => opened.committed.get(keyOf(table, key)),
      scan: (table, range) => scan(opened.committed, table, range),
      commit: (fill) => this.#commit(opened, fill),
      flushed: () => this.#flush(opened),
      room: () => ({ usedBytes: this.usedBytes, freeBytes: this.freeBytes }),
      close: () => Promise.resolve(),
    }
  }

  async #commit(opened: OpenedDisk, fill: (writes: Writes) => void): Promise<void> {
    opened.check()
    this.onMoment?.('commit')
    const next = new Map(opened.committed)
    fill({
      put: (table, key, value) => next.set(keyOf(table, key), Buffer.from(value)),
      remove: (table, key) => next.delete(keyOf(table, key)),
    } satisfies Writes)
    await Promise.resolve()
    opened.check()
    const failure = this.failNextCommit
    this.failNextCommit = null
    if (failure !== null) throw failure
    opened.committed = next
    this.onMoment?.('committed')
    opened.check()
  }

  async #flush(opened: OpenedDisk): Promise<void> {
    const content = opened.committed
    if (this.holdsFlushes) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    opened.check()
    this.#flushed = content
    this.onMoment?.('flushed')
    opened.check()
  }
}

/** What one store sees, until the power fails. */
class OpenedDisk {
  committed: Content
  #isLost = false

  constructor(content: Content) {
    this.committed = content
  }

  lose(): void {
    this.#isLost = true
  }

  check(): void {
    if (this.#isLost) throw new StoreError('failed', 'the power failed')
  }
}

function* scan(content: Content, table: Table, { start, end, reverse = false }: ScanRange): Iterable<StoredEntry> {
  const [low, high] = (reverse ? [end, start] : [start, end]).map((key) => keyOf(table, key)) as [string, string]
  // One character is one byte: strings are ordered as their bytes are.
  const keys = [...content.keys()].filter((key) => key >= low && key <= high).sort()
  for (const key of reverse ? keys.reverse() : keys) {
    const value = content.get(key)
    if (value !== undefined) yield { key: Buffer.from(key.slice(table.length + 1), 'latin1'), value }
  }
}
