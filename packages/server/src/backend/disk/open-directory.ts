import { join } from 'node:path'
import { damaged, markReady, prepareDirectory, readVersion, unavailable } from './directory.js'
import { inspectDataFile } from './inspect.js'
import { DATA_FILE, openLmdbStore } from './lmdb-store.js'
import { type DirectoryLock, lockDirectory } from './lock.js'
import { makePrivate, makePrivateFile } from './private-directory.js'
import type { Store } from './store.js'

/** A store that is this process's alone. */
export interface OpenedStore {
  readonly store: Store
  /** Whether nothing was ever kept in it: `ready` must be called once it holds what every start needs. */
  readonly isNew: boolean
  /** From now on the store must be there at every start. */
  ready(): Promise<void>
  close(): Promise<void>
}

/** Rejects with BackendError `locked`, `damaged` or `unavailable`. */
export type OpenStore = (dir: string, maxBytes: number) => Promise<OpenedStore>

/** Locks a data directory, checks what is in it, and opens its LMDB environment. */
export const openDirectory: OpenStore = async (dir, maxBytes) => {
  await prepareDirectory(dir)
  let lock: DirectoryLock | undefined
  try {
    await makePrivate(dir)
    const locked = await lockDirectory(dir)
    lock = locked
    const isNew = (await readVersion(dir)) === 'new'
    if (!isNew) inspect(dir)
    await makePrivateFile(join(dir, DATA_FILE))
    const store = await openLmdbStore(dir, maxBytes)
    await makePrivate(dir)
    const close = async (): Promise<void> => {
      await store.close()
      await locked.release()
    }
    return { store, isNew, ready: () => markReady(dir), close }
  } catch (error) {
    await lock?.release()
    throw unavailable(dir, error)
  }
}

const inspect = (dir: string): void => {
  try {
    inspectDataFile(join(dir, DATA_FILE))
  } catch (error) {
    // The file system's own complaints have a code, and sentences of their own.
    if ((error as NodeJS.ErrnoException).code !== undefined) throw error
    throw damaged(dir, `${DATA_FILE}: ${error instanceof Error ? error.message : String(error)}`, error)
  }
}
