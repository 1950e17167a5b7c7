import type { BackendError, LogChannel, NewPublication, PublishResult, StoredPublication } from '../backend.js'
import type { Dedupe, PublicationKey } from './dedupe.js'
import type { DiskChannel } from './disk-channel.js'
import { encodeRecord } from './record.js'
import type { Writes } from './store.js'
import type { Job } from './writer.js'

/** What a publish needs of its log when its turn comes. */
export interface PublishContext {
  readonly dedupe: Dedupe
  now(): number
  /** The channel, as one that the batch changes. */
  touch(channel: LogChannel): DiskChannel
  /** Throws BackendError `storage-full`. */
  takeRoom(bytes: number): void
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
  /** undefined: nobody can repeat it. Made at once: while the batch before is on its way to the disk there is time for it. */
  readonly #key: PublicationKey | undefined
  readonly #record: Buffer
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
    this.#context = context
    this.#channel = channel
    this.#publication = publication
    this.#key = publication.isUnrepeatable === true ? undefined : context.dedupe.keyOf(channel.name, publication)
    this.#record = encodeRecord(publication)
    this.bytes = this.#record.length + OVERHEAD_BYTES
    this.resolve = () => {
      if (this.#result !== undefined) resolve(this.#result)
    }
    this.reject = reject
  }

  write(writes: Writes): void {
    const { dedupe } = this.#context
    if (this.#key !== undefined) {
      this.#result = dedupe.find(this.#key)
      if (this.#result !== undefined) return
      dedupe.checkRoom()
    }
    this.#context.takeRoom(this.bytes)
    const log = this.#context.touch(this.#channel)
    const stored = log.append(writes, this.#publication, this.#record, this.#context.now())
    const { offset, position, time } = stored
    this.#log = log
    this.#stored = stored
    this.#result = { position, offset, time, durability: 'disk', duplicate: false }
    if (this.#key !== undefined) dedupe.remember(this.#key, stored, this.#channel.dedupeWindowMs)
  }

  tell(): void {
    if (this.#stored !== undefined) this.#log?.listeners.tell(this.#stored)
  }
}
