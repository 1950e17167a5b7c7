import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, lstat, open, readlink, realpath } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { systemCode } from '../exit.js'

export interface OpenedFile {
  /** The caller closes it. */
  readonly handle: FileHandle
  readonly stats: BigIntStats
}

/** Without waiting for the other end of a pipe that somebody put there. Windows has no such flag. */
const FLAGS = constants.O_RDONLY | ((constants.O_NONBLOCK as number | undefined) ?? 0)

const NOT_THERE: readonly string[] = [
  'ENOENT',
  'ENOTDIR',
  'ELOOP',
  'EACCES',
  'EPERM',
  'ENAMETOOLONG',
  'ENXIO',
  'EINVAL',
]

/**
 * Opens a file of a folder. Links within the folder are followed, and the folder may be a link itself, but what lies outside is
 * not there: the file is opened first and then asked where it is, so that a link that changes in between leads nowhere.
 * undefined: there is no such file, or this process may not read it. Rejects as the system does when it can open no more files.
 */
export const openInside = async (dir: string, name: string): Promise<OpenedFile | undefined> => {
  let handle: FileHandle | undefined
  try {
    const root = await realpath(dir)
    const path = join(root, name)
    handle = await open(path, FLAGS)
    const stats = await handle.stat({ bigint: true })
    if (stats.isFile() && (await isInside(root, path, handle, stats))) {
      const opened = { handle, stats }
      handle = undefined
      return opened
    }
    return undefined
  } catch (error) {
    if (NOT_THERE.includes(systemCode(error) ?? '')) return undefined
    throw error
  } finally {
    await handle?.close()
  }
}

const isInside = async (root: string, path: string, { fd }: FileHandle, stats: BigIntStats): Promise<boolean> => {
  const prefix = root.endsWith(sep) ? root : root + sep
  const opened = await placeOf(fd)
  if (opened !== undefined) return opened.startsWith(prefix)
  const real = await realpath(path)
  if (!real.startsWith(prefix)) return false
  const { dev, ino } = await lstat(real, { bigint: true })
  return dev === stats.dev && ino === stats.ino
}

/** Where an open file is, by Linux; undefined elsewhere. */
const placeOf = (fd: number): Promise<string | undefined> => readlink(`/proc/self/fd/${fd}`).catch(() => undefined)
