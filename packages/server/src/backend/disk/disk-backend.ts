import { join } from 'node:path'
import { type Clock, systemClock } from '../../clock.js'
import { type Backend, BackendError } from '../backend.js'
import { LocalBus } from '../local-bus.js'
import { LocalPresence } from '../local-presence.js'
import { MemoryLog } from '../memory/memory-log.js'
import { ByDurability } from './by-durability.js'
import { damaged, markReady, prepareDirectory, readVersion, unavailable } from './directory.js'
import { DiskLog, RUNNING_CLOCK_KEY } from './disk-log.js'
import { DiskState } from './disk-state.js'
import { inspectDataFile } from './inspect.js'
import { Lineage } from './lineage.js'
import { DATA_FILE, openLmdbStore } from './lmdb-store.js'
import { type DirectoryLock, lockDirectory } from './lock.js'
import { RunningClock } from './running-clock.js'
import type { Store } from './store.js'
import { Sweep } from './sweep.js'
import { logWhenOpen, stateWhenOpen } from './when-open.js'

export interface DiskOptions {
  /** The data directory; made if it is not there. One node at a time. */
  readonly dir: string
  readonly clock?: Clock
  /**
   * While the store uses more of the disk than this, publishes are refused `storage-full`. Default 64 GiB. Histories of
   * `memory` channels have 256 MiB of memory beside it.
   */
  readonly maxBytes?: number
  /** How long the disk may take to confirm a write before the node gives up. Default 30000. */
  readonly flushDeadlineMs?: number
}

/** Opens the store in a directory that is locked and was found whole. */
export type OpenStore = (dir: string, maxBytes: number) => Promise<Store>

const GIB = 1024 ** 3
const LINEAGE_KEY = Buffer.from('lineage')
const MEMORY = { maxBytes: GIB / 4, maxDedupeEntries: 1_000_000 }

/** Everything that is there between `open` and `close`. */
interface Opened {
  readonly lock: DirectoryLock
  readonly store: Store
  readonly memory: MemoryLog
  readonly log: ByDurability
  readonly disk: DiskLog
  readonly state: DiskState
  readonly sweep: Sweep
}

/** The disk backend over any store; see `disk` for the promises. */
export const diskBackend = (options: DiskOptions, openStore: OpenStore = openLmdbStore): Backend => {
  let opened: Opened | undefined
  const ready = (): Opened => {
    if (opened === undefined) throw new BackendError('unavailable', 'The backend is not open.')
    return opened
  }
  return {
    name: 'disk',
    durabilities: ['disk', 'memory', 'none'],
    log: logWhenOpen(() => ready().log),
    presence: new LocalPresence(),
    bus: new LocalBus(),
    state: stateWhenOpen(() => ready().state),
    open: async (fail) => {
      opened = await openBackend(options, openStore, fail)
    },
    close: async () => {
      if (opened === undefined) return
      const { disk, memory, store, lock, sweep } = opened
      sweep.stop()
      await disk.writer.close()
      memory.close()
      await store.close()
      await lock.release()
    },
  }
}

const openBackend = async (
  options: DiskOptions,
  openStore: OpenStore,
  fail: (error: BackendError) => void,
): Promise<Opened> => {
  const { dir, maxBytes = 64 * GIB } = options
  await prepareDirectory(dir)
  let lock: DirectoryLock | undefined
  let store: Store | undefined
  try {
    lock = await lockDirectory(dir)
    const version = await readVersion(dir)
    if (version === 'ready') inspect(dir)
    store = await openStore(dir, maxBytes)
    const opened = await begin({ ...options, maxBytes }, lock, store, version, fail)
    if (version === 'new') await markReady(dir)
    return opened
  } catch (error) {
    await store?.close()
    await lock?.release()
    throw unavailable(dir, error)
  }
}

const inspect = (dir: string): void => {
  try {
    inspectDataFile(join(dir, DATA_FILE))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== undefined) throw error
    throw damaged(dir, `${DATA_FILE}: ${error instanceof Error ? error.message : String(error)}`, error)
  }
}

const begin = async (
  options: DiskOptions & { readonly maxBytes: number },
  lock: DirectoryLock,
  store: Store,
  version: 'new' | 'ready',
  fail: (error: BackendError) => void,
): Promise<Opened> => {
  const { clock = systemClock, maxBytes, flushDeadlineMs = 30_000 } = options
  const { lineage, running } = readFacts(options.dir, store, version, clock)
  // On the disk before anything is served: a position of this start must be known to the next one.
  await store.commit((writes) => {
    writes.put('facts', LINEAGE_KEY, lineage.encode())
    writes.put('facts', RUNNING_CLOCK_KEY, running.encode())
  })
  await store.flushed()
  const memory = new MemoryLog({ clock, ...MEMORY })
  memory.open()
  const disk = new DiskLog({ store, clock, lineage, running, maxBytes, flushDeadlineMs, fail })
  const state = new DiskState(store, disk.writer)
  return { lock, store, memory, disk, log: new ByDurability(disk, memory), state, sweep: new Sweep(store, disk) }
}

const readFacts = (
  dir: string,
  store: Store,
  version: 'new' | 'ready',
  clock: Clock,
): { readonly lineage: Lineage; readonly running: RunningClock } => {
  const stored = store.get('facts', LINEAGE_KEY)
  if (version === 'ready' && stored === undefined) throw damaged(dir, 'its lineage is missing')
  try {
    const running = new RunningClock(clock, store.get('facts', RUNNING_CLOCK_KEY))
    return { lineage: Lineage.begin(stored), running }
  } catch (error) {
    throw damaged(dir, 'its lineage cannot be read', error)
  }
}
