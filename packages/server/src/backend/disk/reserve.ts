import { type FileHandle, open } from 'node:fs/promises'

/** What is claimed at once, for many small batches. */
const STEP_BYTES = 1024 * 1024
/** No larger: the kernel would keep the file in larger pieces, and what LMDB reads counts as memory by the piece. */
const ZEROS = Buffer.alloc(64 * 1024)

/**
 * Room for LMDB at the end of its file, claimed by writing zeros before it writes pages there. A disk that is full says so
 * to us: in its own write LMDB makes a message of it that may be longer than the memory it takes for that (lmdb 3.5), and
 * the process ends, or worse.
 */
export class Reserve {
  readonly #file: FileHandle
  /** How much of the file is known to have its place on the disk. */
  #endBytes: number

  private constructor(file: FileHandle, usedBytes: number) {
    this.#file = file
    this.#endBytes = usedBytes
  }

  /** What lies behind the used part of the file is claimed again: a copy of it may have holes there. */
  static async open(path: string, usedBytes: number): Promise<Reserve> {
    return new Reserve(await open(path, 'r+'), usedBytes)
  }

  /** How much is claimed and not used. */
  bytesBehind(usedBytes: number): number {
    return Math.max(0, this.#endBytes - usedBytes)
  }

  /**
   * Sees to it that so much is claimed. Nobody may write into the file meanwhile. Rejects as the file system does when there
   * is not so much room; what could be claimed stays claimed.
   */
  async claim(usedBytes: number, bytes: number): Promise<void> {
    const wanted = usedBytes + bytes
    if (wanted <= this.#endBytes) return
    this.#endBytes = Math.max(this.#endBytes, usedBytes)
    try {
      await this.#extend(Math.ceil(wanted / STEP_BYTES) * STEP_BYTES)
    } catch (error) {
      if (this.#endBytes < wanted) throw error
    }
  }

  async close(): Promise<void> {
    await this.#file.close()
  }

  async #extend(toBytes: number): Promise<void> {
    while (this.#endBytes < toBytes) {
      const length = Math.min(ZEROS.length, toBytes - this.#endBytes)
      const { bytesWritten } = await this.#file.write(ZEROS, 0, length, this.#endBytes)
      this.#endBytes += bytesWritten
    }
  }
}
