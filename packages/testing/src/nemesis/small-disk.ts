import { execFile, spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, statSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

const SIZE_MIB = 64
const BLOCK_BYTES = 65_536
const BALLAST = 'ballast'

/** A file system of its own of 64 MiB, in memory, that can be filled up and emptied again. */
export class SmallDisk {
  /** Where it is mounted. */
  readonly dir: string

  readonly #atExit = (): void => {
    spawnSync('umount', ['--lazy', this.dir])
  }

  private constructor(dir: string) {
    this.dir = dir
    // A process that fails leaves files behind, but no mounts.
    process.once('exit', this.#atExit)
  }

  /** Mounts it. Gives the reason, one line, where this process may not mount anything. */
  static async mount(dir: string): Promise<SmallDisk | string> {
    if (process.platform !== 'linux') return `there is no tmpfs on ${process.platform}`
    mkdirSync(dir, { recursive: true })
    try {
      await run('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MIB}m,mode=700`, 'tidings-small-disk', dir])
    } catch (error) {
      const { stderr = '', message } = error as Error & { readonly stderr?: string }
      return (stderr.trim() === '' ? message : stderr.trim()).split('\n')[0] ?? 'mount failed'
    }
    return new SmallDisk(dir)
  }

  /** Takes all of its room but so much. */
  fill(leaveBytes = 0): void {
    const file = openSync(join(this.dir, BALLAST), 'a')
    try {
      const block = Buffer.alloc(BLOCK_BYTES, 1)
      for (;;) {
        const { bavail, bsize } = statfsSync(this.dir)
        const wanted = bavail * bsize - leaveBytes
        if (wanted <= 0) return
        writeSync(file, block, 0, Math.min(wanted, BLOCK_BYTES))
      }
    } catch (error) {
      // Somebody else took the last of it.
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    } finally {
      closeSync(file)
    }
  }

  /** Gives back so much of what `fill` took. */
  release(bytes: number): void {
    const path = join(this.dir, BALLAST)
    truncateSync(path, Math.max(0, statSync(path).size - bytes))
  }

  /** Gives back all that `fill` took. */
  free(): void {
    rmSync(join(this.dir, BALLAST), { force: true })
  }

  /**
   * Nobody may use it any more; a process that is about to end may still have a file open, which a server of several
   * processes leaves behind for a moment when one of them is killed.
   */
  async unmount(): Promise<void> {
    await run('umount', ['--lazy', this.dir])
    process.off('exit', this.#atExit)
  }
}
