import type { Backend } from '../backend.js'
import { diskBackend, type DiskOptions } from './disk-backend.js'

export type { DiskOptions }

/**
 * Keeps channels with durability `disk` in a directory of this machine (LMDB), fsynced before anyone hears of a
 * publication; channels with `memory` and `none` live in this process's memory. Opening rejects with BackendError
 * `locked` if another node has the directory, `damaged` if what is in it cannot be trusted, and `unavailable` if it
 * cannot be used.
 */
export const disk = (options: DiskOptions): Backend => diskBackend(options)
