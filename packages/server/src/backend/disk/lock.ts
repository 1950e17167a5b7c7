import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RootDatabase } from 'lmdb'
import { BackendError } from '../backend.js'
import { damaged } from './directory.js'
import { inspectDataFile } from './inspect.js'

export const LOCK_FILE = 'owner.mdb'
const ATTEMPTS = 4

export interface DirectoryLock {
  release(): Promise<void>
}

/**
 * Makes this process the only one that has the directory. The lock is an empty LMDB environment in which the owner holds
 * a read transaction: LMDB lists its readers, and forgets those of dead processes by the locks that the operating system
 * took from them. So a `kill -9` leaves nothing behind, a second open in one process is seen like any other, and there
 * is no moment between looking and taking: each first takes, then looks whether it is alone.
 * Rejects with BackendError `locked`.
 */
export const lockDirectory = async (dir: string): Promise<DirectoryLock> => {
  const path = join(dir, LOCK_FILE)
  checkFile(dir, path)
  const { open } = await import('lmdb')
  for (let attempt = 1; ; attempt += 1) {
    const env = open({ path, noSubdir: true, mapSize: 1024 * 1024, maxReaders: 16, overlappingSync: false })
    const held = await readTransaction(dir, env)
    env.readerCheck()
    const owners = readers(env)
    const release = async (): Promise<void> => {
      held.done()
      await env.close()
    }
    if (owners.length === 1) return { release }
    await release()
    // Two that start at once see each other: whoever waits shorter gets it.
    if (attempt === ATTEMPTS) throw inUse(dir, owners)
    await sleep(20 + Math.random() * 80)
  }
}

/**
 * LMDB knows a process by its number. It gives no transaction to a process of another container that has the number of the
 * owner, as each container's first process does, and lmdb then throws a TypeError after several attempts.
 */
const readTransaction = async (dir: string, env: RootDatabase): Promise<ReturnType<typeof env.useReadTransaction>> => {
  try {
    return env.useReadTransaction()
  } catch (error) {
    const isTwin = readers(env).includes(process.pid)
    // It has no slot among the readers, so this takes none from the owner.
    await env.close()
    if (!isTwin) throw error
    const sentence = `The data directory ${dir} is in use by a process with the same number (${process.pid}), probably in another container`
    throw new BackendError('locked', `${sentence}: stop that one, or name another directory.`, { cause: error })
  }
}

/** Process ids, one for each transaction that is held. */
const readers = (env: RootDatabase): readonly number[] =>
  env
    .readerList()
    .split('\n')
    .map((line) => /^\s*(\d+)\s/.exec(line)?.[1])
    .filter((pid) => pid !== undefined)
    .map(Number)

const inUse = (dir: string, owners: readonly number[]): BackendError => {
  const other = owners.find((pid) => pid !== process.pid)
  const who = other === undefined ? 'open in this process already' : `in use by process ${other}`
  return new BackendError('locked', `The data directory ${dir} is ${who}: stop that one, or name another directory.`)
}

/** A file that was cut off or written over would crash the process when it is mapped. */
const checkFile = (dir: string, path: string): void => {
  try {
    if (existsSync(path)) inspectDataFile(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== undefined) throw error
    throw damaged(dir, `${LOCK_FILE}: ${error instanceof Error ? error.message : String(error)}`, error)
  }
}
