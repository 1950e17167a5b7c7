import { readFileSync } from 'node:fs'
import { LineBudget } from '../observe/line-budget.js'
import type { Logger } from '../observe/logger.js'

/** Files that the node keeps for itself: the log, certificates, pages, what Node opens. Less where few are allowed at all. */
const RESERVED = 64
const RESERVED_PART = 0.25

const reservedOf = (files: number): number => Math.min(RESERVED, Math.ceil(files * RESERVED_PART))

/** How many files (sockets are files) this process may have open; Infinity: there is no limit, or it cannot be known. */
export const openFilesLimit = (): number => {
  const limit = Number(softLimit())
  return Number.isInteger(limit) && limit > 0 ? limit : Infinity
}

const softLimit = (): unknown => {
  try {
    return /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
  } catch {
    const report: { userLimits?: { open_files?: { soft?: unknown } } } = process.report.getReport()
    return report.userLimits?.open_files?.soft
  }
}

/** One sentence for an operator when so many connections are more than the process may have files for. */
export const openFilesProblem = (maxConnections: number, files = openFilesLimit()): string | undefined => {
  if (files - reservedOf(files) >= maxConnections) return undefined
  return (
    `This process may open ${files} files (ulimit -n), so it takes about ${files - reservedOf(files)} connections and not the ` +
    `${maxConnections} of limits.maxConnections: raise the limit (LimitNOFILE= of a systemd unit, ulimits of a container), or lower maxConnections.`
  )
}

/** What is needed of a socket. */
interface OpenedSocket {
  readonly remoteAddress?: string | undefined
  destroy(): unknown
}

/**
 * Cuts off a new socket when this process is about to run out of files, and says so: later the system would refuse connections
 * and the node's own files without a word to anybody. Systems number open files from the lowest free number, so the number of a
 * socket tells how many are open at least.
 */
export class OpenFiles {
  readonly #files: number
  readonly #logger: Logger
  readonly #lines: LineBudget

  constructor(logger: Logger, files = openFilesLimit()) {
    this.#files = files
    this.#logger = logger
    this.#lines = new LineBudget({ perKey: 1, inAll: 1 }, (_key, times) =>
      logger.error('more connections were cut off for want of files', { files, times }),
    )
  }

  /** false: it was cut off. */
  hasRoomFor(socket: OpenedSocket): boolean {
    if (this.#areEnough(descriptorOf(Reflect.get(socket, '_handle')))) return true
    this.#tell(socket.remoteAddress)
    socket.destroy()
    return false
  }

  /** Tells the operator when the socket that this handle stands for is among the last. For one that goes to another process. */
  look(handle: unknown): void {
    if (!this.#areEnough(descriptorOf(handle))) this.#tell(undefined)
  }

  close(): void {
    this.#lines.flush()
  }

  #areEnough(descriptor: number): boolean {
    return descriptor < this.#files - reservedOf(this.#files)
  }

  #tell(remoteAddress: string | undefined): void {
    if (!this.#lines.take('')) return
    const text = 'this process is running out of files (ulimit -n), and connections are cut off'
    this.#logger.error(text, { files: this.#files, remoteAddress })
  }
}

/** The number of a handle's file; -1 where there is none, as on Windows. Node does not document the property. */
const descriptorOf = (handle: unknown): number => {
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined
  return typeof fd === 'number' ? fd : -1
}
