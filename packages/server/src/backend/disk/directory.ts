import { constants } from 'node:fs'
import { access, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BackendError } from '../backend.js'
import { DATA_FILE } from './lmdb-store.js'

export const VERSION_FILE = 'tidings.json'

const FORMAT = 1

/** What the version file says. `new`: the store was not complete when it was written, so nothing was ever kept. */
interface Version {
  readonly format: number
  readonly state: 'new' | 'ready'
}

const SENTENCES: Readonly<Record<string, string>> = {
  EEXIST: 'is not a directory: name another one',
  ENOTDIR: 'is not a directory: name another one',
  ENOENT: 'cannot be made there: name another one',
  EACCES: 'may not be read and written by this user: change its owner or its permissions',
  EPERM: 'may not be read and written by this user: change its owner or its permissions',
  EROFS: 'is on a file system that is read-only: name another one',
  ENOSPC: 'is on a disk that is full: make room',
}

/** Turns an error of the file system into one sentence. */
export const unavailable = (dir: string, error: unknown): BackendError => {
  if (error instanceof BackendError) return error
  const code = (error as NodeJS.ErrnoException | null)?.code ?? ''
  const reason = SENTENCES[code] ?? `cannot be used: ${error instanceof Error ? error.message : String(error)}`
  return new BackendError('unavailable', `The data directory ${dir} ${reason}.`, { cause: error })
}

export const damaged = (dir: string, what: string, cause?: unknown): BackendError =>
  new BackendError(
    'damaged',
    `The data directory ${dir} is damaged (${what}): restore a backup of it, or move it away to start with an empty one.`,
    { cause },
  )

/** Of the data directory itself; those on the way to it are made as usual. */
const PRIVATE_DIRECTORY = 0o700

/** As `mkdir -p`. Node's own way of it never ends where a file system refuses with ENOENT, as /proc does. */
const makeDirectory = async (dir: string, mode: number | undefined): Promise<void> => {
  try {
    await mkdir(dir, mode)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && (await stat(dir)).isDirectory()) return
    if (code !== 'ENOENT' || dirname(dir) === dir || (await sizeOf(dirname(dir))) !== undefined) throw error
    await makeDirectory(dirname(dir), undefined)
    await mkdir(dir, mode)
  }
}

/** Makes the directory if it is not there. Rejects with BackendError `unavailable` if it cannot be written. */
export const prepareDirectory = async (dir: string): Promise<void> => {
  try {
    await makeDirectory(dir, PRIVATE_DIRECTORY)
    await access(dir, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw unavailable(dir, error)
  }
}

/**
 * Whether the directory holds a store; if not, it is marked as one in the making. Rejects with BackendError `damaged`
 * if it should hold one and does not, or if another version of Tidings wrote it.
 */
export const readVersion = async (dir: string): Promise<'new' | 'ready'> => {
  const version = await readVersionFile(dir)
  const dataBytes = await sizeOf(join(dir, DATA_FILE))
  if (version === undefined) {
    if (dataBytes !== undefined) throw damaged(dir, `${DATA_FILE} is there and ${VERSION_FILE} is not`)
    await writeVersion(dir, 'new')
    return 'new'
  }
  if (version.format !== FORMAT) {
    const sentence = `The data directory ${dir} has format ${version.format}, this version of Tidings reads format ${FORMAT}`
    throw new BackendError('damaged', `${sentence}: run the version that wrote it, or name another directory.`)
  }
  if (version.state === 'ready') {
    if (dataBytes === undefined) throw damaged(dir, `${DATA_FILE} is missing`)
    return 'ready'
  }
  await rm(join(dir, DATA_FILE), { force: true })
  return 'new'
}

/** Says that the store in the directory is complete. On the disk once it resolves. */
export const markReady = (dir: string): Promise<void> => writeVersion(dir, 'ready')

const readVersionFile = async (dir: string): Promise<Version | undefined> => {
  let text: string
  try {
    text = await readFile(join(dir, VERSION_FILE), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    const { format, state } = JSON.parse(text) as Partial<Version>
    if (Number.isInteger(format) && (state === 'new' || state === 'ready')) return { format: Number(format), state }
  } catch (error) {
    throw damaged(dir, `${VERSION_FILE} is not JSON`, error)
  }
  throw damaged(dir, `${VERSION_FILE} does not say which format it is`)
}

const sizeOf = async (path: string): Promise<number | undefined> => {
  try {
    return (await stat(path)).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

const writeVersion = async (dir: string, state: Version['state']): Promise<void> => {
  const version: Version = { format: FORMAT, state }
  const path = join(dir, VERSION_FILE)
  const file = await open(`${path}.tmp`, 'w', 0o600)
  try {
    await file.writeFile(`${JSON.stringify(version)}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.tmp`, path)
  await syncDirectory(dir)
}

/** So that the names of new files survive a loss of power as well as what is in them. */
const syncDirectory = async (dir: string): Promise<void> => {
  if (process.platform === 'win32') return
  const handle = await open(dir, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
