import { setTimeout as sleep } from 'node:timers/promises'
import { type Clock, systemClock } from '../../clock.js'
import type { Backend, BackendError } from '../backend.js'
import { LocalBus } from '../local-bus.js'
import { LocalPresence } from '../local-presence.js'
import { MemoryLog } from '../memory/memory-log.js'
import { ByDurability } from './by-durability.js'
import { damaged, unavailable } from './directory.js'
import { DiskLog, RUNNING_CLOCK_KEY } from './disk-log.js'
import { DiskState } from './disk-state.js'
import { Lineage } from './lineage.js'
import { openDirectory, type OpenedStore, type OpenStore } from './open-directory.js'
import { RunningClock } from './running-clock.js'
import { Sweep } from './sweep.js'

export interface DiskOptions {
  /** The data directory; made if it is not there. One node at a time. */
  readonly dir: string
  readonly clock?: Clock
  /**
   * While the store uses more of the disk than this, publishes are refused `storage-full`. Default 64 GiB. Histories of
   * `memory` channels have 256 MiB of memory beside it.
   */
  readonly maxBytes?: number
  /** As in MemoryOptions, for the channels on the disk; those in memory have as many. Default 4,000,000. */
  readonly maxDedupeEntries?: number
  /** How long the disk may take to confirm a write before the node gives up. Default 30000. */
  readonly flushDeadlineMs?: number
}

const GIB = 1024 ** 3
const CLOSE_FENCED_MS = 1000
const LINEAGE_KEY = Buffer.from('lineage')
const MEMORY_BYTES = GIB / 4

/** Everything that is there between `open` and `close`. */
interface Opened {
  readonly directory: OpenedStore
  readonly memory: MemoryLog
  readonly disk: DiskLog
  readonly sweep: Sweep
}

/** The disk backend over any store; see `disk` for the promises. */
export const diskBackend = (options: DiskOptions, openStore: OpenStore = openDirectory): Backend => {
  let opened: Opened | undefined
  // A node is put together before its backend is open.
  const log = new ByDurability()
  const state = new DiskState()
  return {
    name: 'disk',
    durabilities: ['disk', 'memory', 'none'],
    log,
    presence: new LocalPresence(),
    bus: new LocalBus(),
    state,
    open: async (fail) => {
      const { dir, maxBytes = 64 * GIB } = options
      const directory = await openStore(dir, maxBytes)
      try {
        opened = await begin({ ...options, maxBytes }, directory, state, fail)
        log.open(opened)
      } catch (error) {
        await directory.close()
        throw unavailable(dir, error)
      }
    },
    close: async () => {
      if (opened === undefined) return
      const { disk, memory, directory, sweep } = opened
      opened = undefined
      sweep.stop()
      await disk.writer.close()
      log.close()
      memory.close()
      // A disk that hangs would hold up the end of the process as well.
      const closed = directory.close()
      await (disk.writer.isFenced ? Promise.race([closed, sleep(CLOSE_FENCED_MS, undefined, { ref: false })]) : closed)
    },
  }
}

const begin = async (
  options: DiskOptions & { readonly maxBytes: number },
  directory: OpenedStore,
  state: DiskState,
  fail: (error: BackendError) => void,
): Promise<Opened> => {
  const { dir, clock = systemClock, maxBytes, maxDedupeEntries = 4_000_000, flushDeadlineMs = 30_000 } = options
  const { store, isNew } = directory
  const stored = store.get('facts', LINEAGE_KEY)
  if (!isNew && stored === undefined) throw damaged(dir, 'its lineage is missing')
  const lineage = reading(dir, 'its lineage', () => Lineage.begin(stored))
  const running = reading(dir, 'its clock', () => new RunningClock(clock, store.get('facts', RUNNING_CLOCK_KEY)))
  // On the disk before anything is served: a position of this start must be known to the next one.
  await store.commit((writes) => {
    writes.put('facts', LINEAGE_KEY, lineage.encode())
    writes.put('facts', RUNNING_CLOCK_KEY, running.encode())
  })
  await store.flushed()
  if (isNew) await directory.ready()
  const logOptions = { store, clock, lineage, running, maxBytes, maxDedupeEntries, flushDeadlineMs, fail }
  const disk = reading(dir, 'its publication ids', () => new DiskLog(logOptions))
  reading(dir, 'its state', () => state.open(store, disk.writer))
  const memory = new MemoryLog({ clock, maxBytes: MEMORY_BYTES, maxDedupeEntries })
  memory.open()
  return { directory, memory, disk, sweep: new Sweep(store, disk) }
}

const reading = <Result>(dir: string, what: string, read: () => Result): Result => {
  try {
    return read()
  } catch (error) {
    throw damaged(dir, `${what} cannot be read`, error)
  }
}
