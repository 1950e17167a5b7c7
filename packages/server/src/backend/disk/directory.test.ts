import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Backend, BackendError, type LogChannel } from '../backend.js'
import { unavailable } from './directory.js'
import { disk } from './index.js'

const channel: LogChannel = {
  name: 'chat:lobby',
  durability: 'disk',
  history: { maxCount: 10_000 },
  dedupeWindowMs: 60_000,
}

const opened: Backend[] = []
let dir = ''

const open = async (at = dir): Promise<Backend> => {
  const backend = disk({ dir: at })
  await backend.open(() => undefined)
  opened.push(backend)
  return backend
}

const refusal = async (at = dir): Promise<BackendError> => {
  try {
    await open(at)
  } catch (error) {
    if (error instanceof BackendError) return error
    throw error
  }
  throw new Error('it opened')
}

const closeAll = async (): Promise<void> => {
  for (const backend of opened.splice(0)) await backend.close()
}

/** A directory with enough in it that its file has leaves, branches and long values. */
const fill = async (): Promise<void> => {
  const { log } = await open()
  const publications = Array.from({ length: 3000 }, (_, index) => ({
    id: `id-${index}`,
    scope: 'user:ada',
    publisher: 'ada',
    payload: JSON.stringify('x'.repeat(index % 100 === 0 ? 9000 : 100)),
  }))
  await Promise.all(publications.map((publication) => log.publish(channel, publication)))
  await closeAll()
}

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tidings-directory-'))
})

afterEach(async () => {
  await closeAll()
  await rm(dir, { recursive: true, force: true })
})

describe('data directory', () => {
  it('is made when it is not there', async () => {
    await open(join(dir, 'deep', 'data'))
    expect(await readdir(join(dir, 'deep', 'data'))).toContain('data.mdb')
  })

  it('is refused while another backend of this process has it, and free once that one closed', async () => {
    await open()
    const error = await refusal()
    expect(error).toMatchObject({ code: 'locked' })
    expect(error.message).toContain(dir)
    await closeAll()
    await open()
    expect((await refusal()).code).toBe('locked')
  })

  it('goes to one of several that open it at once', async () => {
    const outcomes = await Promise.allSettled([open(), open(), open()])
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
    expect(refused.length).toBeGreaterThanOrEqual(2)
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'locked' })
    await closeAll()
    await open()
  })

  it('can be opened again after it was refused as damaged and mended', async () => {
    await fill()
    const version = await readFile(join(dir, 'tidings.json'))
    await writeFile(join(dir, 'tidings.json'), 'nonsense')
    expect((await refusal()).code).toBe('damaged')
    await writeFile(join(dir, 'tidings.json'), version)
    const { log } = await open()
    expect(await log.tails([channel])).toMatchObject([{ offset: 3000 }])
  })

  it.each([
    ['a file', (path: string) => writeFile(path, 'x'), (path: string) => path],
    ['below a file', (path: string) => writeFile(path, 'x'), (path: string) => join(path, 'data')],
  ])('is refused with a sentence when it is %s', async (_, make, place) => {
    const path = join(dir, 'file')
    await make(path)
    const error = await refusal(place(path))
    expect(error.code).toBe('unavailable')
    expect(error.message).toMatch(/is not a directory: name another one\.$/)
  })

  it('is refused with a sentence where the file system makes no directories', async () => {
    expect((await refusal('/proc/tidings/data')).message).toMatch(/^The data directory \/proc\/tidings\/data cannot be/)
  })

  it('is refused with a sentence when it may not be written', () => {
    const denied = Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' })
    expect(unavailable('/var/data', denied).message).toBe(
      'The data directory /var/data may not be read and written by this user: change its owner or its permissions.',
    )
  })

  it('starts anew if the first start never came to its end', async () => {
    await writeFile(join(dir, 'tidings.json'), JSON.stringify({ format: 1, state: 'new' }))
    await writeFile(join(dir, 'data.mdb'), 'half')
    const { log } = await open()
    expect(await log.tails([channel])).toMatchObject([{ offset: 0 }])
  })
})

describe('a damaged data directory', () => {
  const data = (): string => join(dir, 'data.mdb')

  const overwrite = async (from: number, bytes: number): Promise<void> => {
    const content = await readFile(data())
    content.fill(0xa5, from, from + bytes)
    await writeFile(data(), content)
  }

  const damages: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['its data file is missing', () => rm(data())],
    ['its data file is empty', () => truncate(data(), 0)],
    ['its data file has a few bytes', () => truncate(data(), 100)],
    ['its data file has one page', () => truncate(data(), 4096)],
    ['its data file has its headers only', () => truncate(data(), 8192)],
    ['its data file is cut in the middle', () => truncate(data(), 150 * 4096)],
    ['its data file is cut within a page', () => truncate(data(), 150 * 4096 + 1000)],
    ['its first page was written over', () => overwrite(0, 4096)],
    ['its second page was written over', () => overwrite(4096, 4096)],
    ['its pages after the headers were written over', () => overwrite(8192, 1_000_000)],
    ['its data file is something else', () => writeFile(data(), 'x'.repeat(100_000))],
    ['its version file is missing', () => rm(join(dir, 'tidings.json'))],
    ['its version file is empty', () => writeFile(join(dir, 'tidings.json'), '')],
    ['its version file says nothing', () => writeFile(join(dir, 'tidings.json'), '{}')],
    ['its lock file is cut off', () => truncate(join(dir, 'owner.mdb'), 100)],
    ['its lock file was written over', () => writeFile(join(dir, 'owner.mdb'), randomBytes(8192))],
  ]

  it.each(damages)('is refused when %s', async (_, damage) => {
    await fill()
    await damage()
    const error = await refusal()
    expect(error.code).toBe('damaged')
    expect(error.message).toMatch(
      /is damaged \(.+\): restore a backup of it, or move it away to start with an empty one/,
    )
    expect((await refusal()).code).toBe('damaged')
  })

  it('is refused when it is of another version', async () => {
    await fill()
    await writeFile(join(dir, 'tidings.json'), JSON.stringify({ format: 2, state: 'ready' }))
    const error = await refusal()
    expect(error.code).toBe('damaged')
    expect(error.message).toContain('has format 2, this version of Tidings reads format 1')
  })

  it('is refused when its files became directories', async () => {
    await fill()
    await rm(data())
    await mkdir(data())
    expect(['damaged', 'unavailable']).toContain((await refusal()).code)
  })
})
