import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { disk } from './index.js'

const folder = async (): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), 'tidings-private-'))
  onTestFinished(() => rm(dir, { recursive: true, force: true }))
  return dir
}

const modeOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o7777).toString(8)

/** What a store leaves behind, opened and closed once. */
const opened = async (dir: string): Promise<void> => {
  const backend = disk({ dir })
  await backend.open(() => undefined)
  await backend.close()
}

const modesIn = async (dir: string): Promise<Set<string>> =>
  new Set(await Promise.all((await readdir(dir)).map((name) => modeOf(join(dir, name)))))

describe.skipIf(process.platform === 'win32')('a data directory', () => {
  test('that is made is of this user alone, and so are its files; those above it are made as usual', async () => {
    const above = join(await folder(), 'above')
    const dir = join(above, 'data')
    await opened(dir)
    expect(await modeOf(dir)).toBe('700')
    expect(await modesIn(dir)).toEqual(new Set(['600']))
    const usual = join(await folder(), 'usual')
    await mkdir(usual)
    expect(await modeOf(above)).toBe(await modeOf(usual))
  })

  test('that others could read is taken from them at the next start', async () => {
    const dir = join(await folder(), 'data')
    await opened(dir)
    await chmod(dir, 0o2775)
    for (const name of await readdir(dir)) await chmod(join(dir, name), 0o664)
    await opened(dir)
    expect(await modeOf(dir)).toBe('2700')
    expect(await modesIn(dir)).toEqual(new Set(['600']))
  })

  test('that was there and empty is taken from others', async () => {
    const dir = await folder()
    await chmod(dir, 0o755)
    await opened(dir)
    expect(await modeOf(dir)).toBe('700')
  })

  test('that holds other things, or is everybody’s, keeps its mode, and the store’s files are private', async () => {
    for (const mode of [0o755, 0o1777]) {
      const dir = await folder()
      await chmod(dir, mode)
      if (mode === 0o755) await writeFile(join(dir, 'notes.txt'), 'of somebody', { mode: 0o644 })
      await opened(dir)
      expect(await modeOf(dir)).toBe(mode.toString(8))
      for (const name of (await readdir(dir)).filter((each) => each !== 'notes.txt')) {
        expect(await modeOf(join(dir, name))).toBe('600')
      }
    }
  })

  test('of a store that was never complete is opened again', async () => {
    const dir = join(await folder(), 'data')
    await mkdir(dir)
    await writeFile(join(dir, 'tidings.json'), '{"format":1,"state":"new"}\n')
    await writeFile(join(dir, 'data.mdb'), '')
    await opened(dir)
    expect(await modesIn(dir)).toEqual(new Set(['600']))
  })
})
