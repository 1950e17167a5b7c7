import type { Backend } from '../backend.js'
import { diskBackend, type DiskOptions } from './disk-backend.js'

export { type DiskOptions, diskBackend } from './disk-backend.js'
export type { OpenedStore, OpenStore } from './open-directory.js'
export {
  type Room,
  type ScanRange,
  type Store,
  type StoredEntry,
  StoreError,
  type Table,
  type Writes,
} from './store.js'

/**
 * Keeps channels with durability `disk` in a directory of this machine (LMDB), fsynced before anyone hears of a
 * publication; channels with `memory` and `none` live in this process's memory. Opening rejects with BackendError
 * `locked` if another node has the directory, `damaged` if what is in it cannot be trusted, and `unavailable` if it
 * cannot be used.
 */
export const disk = (options: DiskOptions): Backend => diskBackend(options)
