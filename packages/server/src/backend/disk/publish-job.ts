import type { BackendError, LogChannel, NewPublication, PublishResult, StoredPublication } from '../backend.js'
import type { Dedupe } from './dedupe.js'
import type { DiskChannel } from './disk-channel.js'
import type { Writes } from './store.js'
import type { Job } from './writer.js'

/** What a publish needs of its log when its turn comes. */
export interface PublishContext {
  readonly dedupe: Dedupe
  now(): number
  /** The channel, as one that the batch changes. */
  touch(channel: LogChannel): DiskChannel
  /** Throws BackendError `storage-full`. */
  checkRoom(): void
}

const OVERHEAD_BYTES = 256

/** One publish on its way to the disk. */
export class PublishJob implements Job {
  readonly bytes: number
  readonly resolve: () => void
  readonly reject: (error: BackendError) => void
  readonly #context: PublishContext
  readonly #channel: LogChannel
  readonly #publication: NewPublication
  #log: DiskChannel | undefined
  #stored: StoredPublication | undefined
  #result: PublishResult | undefined

  constructor(
    context: PublishContext,
    channel: LogChannel,
    publication: NewPublication,
    resolve: (result: PublishResult) => void,
    reject: (error: BackendError) => void,
  ) {
    this.bytes = publication.payload.length + OVERHEAD_BYTES
    this.#context = context
    this.#channel = channel
    this.#publication = publication
    this.resolve = () => {
      if (this.#result !== undefined) resolve(this.#result)
    }
    this.reject = reject
  }

  write(writes: Writes): void {
    const { dedupe } = this.#context
    const key = dedupe.keyOf(this.#channel.name, this.#publication)
    this.#result = dedupe.find(key)
    if (this.#result !== undefined) return
    this.#context.checkRoom()
    const log = this.#context.touch(this.#channel)
    const stored = log.append(writes, this.#publication, this.#context.now())
    const { offset, position, time } = stored
    this.#log = log
    this.#stored = stored
    this.#result = { position, offset, time, durability: 'disk', duplicate: false }
    dedupe.remember(writes, key, this.#result, this.#channel.dedupeWindowMs)
  }

  tell(): void {
    if (this.#stored !== undefined) this.#log?.listeners.tell(this.#stored)
  }
}
