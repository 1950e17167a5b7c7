import type { Rewind } from '@tidings/protocol'
import {
  BackendError,
  type Cursor,
  type Log,
  type LogChannel,
  type LogListener,
  type NewPublication,
  type Page,
  type PublishResult,
  type ReadRequest,
  type Watch,
} from '../backend.js'
import type { MemoryLog } from '../memory/memory-log.js'
import type { DiskLog } from './disk-log.js'

export interface Logs {
  readonly disk: DiskLog
  readonly memory: MemoryLog
}

/** One byte says the length of a name in a key. */
const MAX_NAME_BYTES = 255

/**
 * One log of two: channels with durability `disk` live in the disk log, others in memory. A channel that changes from
 * disk to memory has its disk log purged before it is first used, so that a position from before cannot resume past what
 * memory alone has seen, should it change back.
 */
export class ByDurability implements Log {
  readonly notices = 'exact'
  #logs: Logs | null = null
  /** Channels whose disk log is being purged. */
  readonly #leaving = new Map<string, Promise<void>>()

  open(logs: Logs): void {
    this.#logs = logs
  }

  /** Everything is refused from now on. */
  close(): void {
    this.#logs = null
  }

  publish(channel: LogChannel, publication: NewPublication): Promise<PublishResult> {
    return this.#with(channel, (log) => log.publish(channel, publication))
  }

  read(channel: LogChannel, request: ReadRequest): Promise<Page> {
    return this.#with(channel, (log) => log.read(channel, request))
  }

  rewind(channel: LogChannel, rewind: Rewind): Promise<Cursor> {
    return this.#with(channel, (log) => log.rewind(channel, rewind))
  }

  async tails(channels: readonly LogChannel[]): Promise<readonly Cursor[]> {
    const tails = await Promise.all(channels.map((channel) => this.#with(channel, (log) => log.tails([channel]))))
    return tails.flat()
  }

  watch(channel: LogChannel, listener: LogListener): Promise<Watch> {
    return this.#with(channel, (log) => log.watch(channel, listener))
  }

  purge(channel: LogChannel): Promise<void> {
    return this.#with(channel, (log) => log.purge(channel))
  }

  #with<Result>(channel: LogChannel, use: (log: Log) => Promise<Result>): Promise<Result> {
    const { name } = channel
    if (this.#logs === null) return Promise.reject(new BackendError('unavailable', 'The backend is not open.'))
    if (Buffer.byteLength(name) > MAX_NAME_BYTES) return Promise.reject(new RangeError('the channel name is too long'))
    const { disk, memory } = this.#logs
    if (channel.durability === 'disk') {
      memory.forget(name)
      return use(disk)
    }
    if (memory.has(name)) return use(memory)
    const leaving = this.#leaving.get(name) ?? (disk.mustLeave(name) ? this.#leave(disk, name) : undefined)
    return leaving === undefined ? use(memory) : leaving.then(() => use(memory))
  }

  #leave(disk: DiskLog, name: string): Promise<void> {
    const leaving = disk.leave(name).finally(() => this.#leaving.delete(name))
    this.#leaving.set(name, leaving)
    return leaving
  }
}
