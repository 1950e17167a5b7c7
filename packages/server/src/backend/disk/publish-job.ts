import type { BackendError, LogChannel, NewPublication, PublishResult, StoredPublication } from '../backend.js'
import type { Dedupe } from './dedupe.js'
import { type PublicationKey, publicationKey } from '../fingerprint.js'
import { publicationBytes } from '../publication-size.js'
import type { DiskChannel, Place } from './disk-channel.js'
import { decodeRecord, encodeRecord } from './record.js'
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
/** From here on a payload on its way to the disk is kept once, as it is written, and made text again when it is told. */
const LARGE_LENGTH = 2048

/** One publish on its way to the disk. */
export class PublishJob implements Job {
  readonly bytes: number
  readonly resolve: () => void
  readonly reject: (error: BackendError) => void
  readonly #context: PublishContext
  readonly #channel: LogChannel
  readonly #account: string | undefined
  /** undefined: nobody can repeat it. Made at once: while the batch before is on its way to the disk there is time for it. */
  readonly #key: PublicationKey | undefined
  /** When the id was asked about: its window is judged as of then. */
  #calledAt = 0
  readonly #record: Buffer
  readonly #historyBytes: number
  /** undefined: the record says all. */
  readonly #publication: NewPublication | undefined
  #log: DiskChannel | undefined
  #place: Place | undefined
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
    this.#account = publication.account
    this.#publication = publication.payload.length < LARGE_LENGTH ? publication : undefined
    this.#key = publication.isUnrepeatable === true ? undefined : publicationKey(channel.name, publication)
    this.#record = encodeRecord(publication)
    this.#historyBytes = publicationBytes(publication)
    this.bytes = this.#record.length + OVERHEAD_BYTES
    this.resolve = () => {
      if (this.#result !== undefined) resolve(this.#result)
    }
    this.reject = reject
  }

  /** The writer took the job. */
  queued(): void {
    if (this.#key !== undefined) this.#calledAt = this.#context.dedupe.expect()
  }

  write(writes: Writes): void {
    const { dedupe } = this.#context
    if (this.#key !== undefined) {
      this.#result = dedupe.find(this.#key, this.#calledAt)
      if (this.#result !== undefined) return
      dedupe.checkRoom(this.#account)
    }
    this.#context.takeRoom(this.bytes)
    const log = this.#context.touch(this.#channel)
    const place = log.append(writes, this.#record, this.#historyBytes, this.#context.now())
    this.#log = log
    this.#place = place
    const { offset, position, time } = place
    this.#result = { offset, position, time, durability: 'disk', duplicate: false }
    if (this.#key !== undefined) dedupe.remember(this.#key, place, this.#channel.dedupeWindowMs, this.#account)
  }

  tell(): void {
    const listeners = this.#log?.listeners
    if (this.#place === undefined || listeners === undefined || listeners.count === 0) return
    const { offset, position, time } = this.#place
    if (this.#publication === undefined) return listeners.tell(decodeRecord(this.#record, offset, position))
    const { payload, publisher, id, key, tags, mutedFor } = this.#publication
    const stored: StoredPublication = { offset, position, time, payload, publisher, id }
    if (key === undefined && tags === undefined && mutedFor === undefined) return listeners.tell(stored)
    listeners.tell({
      ...stored,
      ...(key === undefined ? {} : { key }),
      ...(tags === undefined ? {} : { tags }),
      ...(mutedFor === undefined ? {} : { mutedFor }),
    })
  }
}
