import type { Rewind } from '@tidings/protocol'
import type {
  Cursor,
  Log,
  LogChannel,
  LogListener,
  NewPublication,
  Page,
  PublishResult,
  ReadRequest,
  Watch,
} from '../backend.js'
import type { MemoryLog } from '../memory/memory-log.js'
import type { DiskLog } from './disk-log.js'

/** One byte says the length of a name in a key. */
const MAX_NAME_BYTES = 255

/**
 * One log of two: channels with durability `disk` live in the disk log, others in memory. A channel that changes from
 * disk to memory has its disk log purged before it is first used, so that a position from before cannot resume past what
 * memory alone has seen, should it change back.
 */
export class ByDurability implements Log {
  readonly notices = 'exact'
  readonly #disk: DiskLog
  readonly #memory: MemoryLog
  /** Channels whose disk log is being purged. */
  readonly #leaving = new Map<string, Promise<void>>()

  constructor(disk: DiskLog, memory: MemoryLog) {
    this.#disk = disk
    this.#memory = memory
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
    if (Buffer.byteLength(name) > MAX_NAME_BYTES) return Promise.reject(new RangeError('the channel name is too long'))
    if (channel.durability === 'disk') {
      this.#memory.forget(name)
      return use(this.#disk)
    }
    if (this.#memory.has(name)) return use(this.#memory)
    const leaving = this.#leaving.get(name) ?? (this.#disk.mustLeave(name) ? this.#leave(name) : undefined)
    return leaving === undefined ? use(this.#memory) : leaving.then(() => use(this.#memory))
  }

  #leave(name: string): Promise<void> {
    const leaving = this.#disk.leave(name).finally(() => this.#leaving.delete(name))
    this.#leaving.set(name, leaving)
    return leaving
  }
}
