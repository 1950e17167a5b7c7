import { chmod, open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { VERSION_FILE } from './directory.js'
import { DATA_FILE } from './lmdb-store.js'
import { LOCK_FILE } from './lock.js'

/** Of groups and others. */
const OTHERS = 0o077
const STICKY = 0o1000
const PRIVATE_FILE = 0o600

const OWN_FILES = [VERSION_FILE, DATA_FILE, `${DATA_FILE}-lock`, LOCK_FILE, `${LOCK_FILE}-lock`]

/**
 * Takes the directory from all other users, and the files of a store in it. A directory that has other things than a store, or
 * that everybody may write to, such as /tmp, keeps its mode: others need it. What belongs to another user stays as it is.
 */
export const makePrivate = async (dir: string): Promise<void> => {
  const names = await readdir(dir)
  if (names.every((name) => name.startsWith(VERSION_FILE) || OWN_FILES.includes(name))) await withoutOthers(dir)
  for (const name of OWN_FILES) if (names.includes(name)) await withoutOthers(join(dir, name))
}

/** Makes a file that only this user may read, if it is not there, so that nobody else can open it before its mode is set. */
export const makePrivateFile = async (path: string): Promise<void> => {
  await (await open(path, 'a', PRIVATE_FILE)).close()
}

const withoutOthers = async (path: string): Promise<void> => {
  try {
    const { mode } = await stat(path)
    if ((mode & OTHERS) !== 0 && (mode & STICKY) === 0) await chmod(path, mode & 0o7777 & ~OTHERS)
  } catch {
    // Another user's, or a file system without modes: then the operator decides who may read it.
  }
}
