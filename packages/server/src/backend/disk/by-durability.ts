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
 * memory alone has seen, should it change back. When it does, the disk log notes it before it gives out a position, so that
 * the channel can change again.
 */
export class ByDurability implements Log {
  readonly notices = 'exact'
  #logs: Logs | null = null
  /** Channels whose disk log is being purged or taken into use again. */
  readonly #changing = new Map<string, Promise<void>>()

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

  watch(channel: LogChannel, listener: LogListener, account?: string): Promise<Watch> {
    return this.#with(channel, (log) => log.watch(channel, listener, account))
  }

  isInUse(channel: LogChannel): Promise<boolean> {
    return this.#with(channel, (log) => log.isInUse(channel))
  }

  purge(channel: LogChannel): Promise<void> {
    return this.#with(channel, (log) => log.purge(channel))
  }

  #with<Result>(channel: LogChannel, use: (log: Log) => Promise<Result>): Promise<Result> {
    const { name } = channel
    if (this.#logs === null) return Promise.reject(new BackendError('unavailable', 'The backend is not open.'))
    if (Buffer.byteLength(name) > MAX_NAME_BYTES) return Promise.reject(new RangeError('the channel name is too long'))
    const { disk, memory } = this.#logs
    const changing = this.#changing.get(name)
    if (changing !== undefined) return changing.then(() => this.#with(channel, use))
    if (channel.durability === 'disk') {
      memory.forget(name)
      if (!disk.mustComeBack(name)) return use(disk)
      return this.#change(name, disk.comeBack(name)).then(() => this.#with(channel, use))
    }
    if (memory.has(name) || !disk.mustLeave(name)) return use(memory)
    return this.#change(name, disk.leave(name)).then(() => this.#with(channel, use))
  }

  #change(name: string, change: Promise<void>): Promise<void> {
    const changing = change.finally(() => this.#changing.delete(name))
    this.#changing.set(name, changing)
    return changing
  }
}
