import type { AnnouncedLimits, Codec, Command, ErrorReply, Reply } from '@tidings/protocol'
import { utf8Bytes } from './plain-data.js'
import { largestMessageMs } from './slow-link.js'
import type { Failure } from './tidings-error.js'

/** How long a session may owe replies without sending anything but pongs. */
const REPLY_TIMEOUT_MS = 30_000
/** That of `connect`, which the connection sends itself. */
export const CONNECT_ID = 1

/** Codecs leave out fields that are undefined. */
type Unnumbered<Type> = Type extends Command
  ? { readonly [Name in keyof Omit<Type, 'id'>]: Type[Name] | undefined }
  : never
export type NewCommand = Unnumbered<Command>

/** A reply of the server, or an error that the SDK gives itself. */
export type Answer = Exclude<Reply, ErrorReply> | (Omit<ErrorReply, 'code'> & Failure)

/** undefined: the session ended first, and whether the command was carried out is not known. */
export type OnReply = (reply?: Answer) => void

interface Pending {
  /** Identifies the command across sessions. */
  readonly key: object
  readonly onReply: OnReply
}

/**
 * Numbers the commands of a session, packs those of one turn into frames, and passes each reply to its asker.
 *
 * When the server closes the connection because it cannot read a frame, every unanswered command is a suspect. Suspects are
 * sent again one at a time; one after which the same happens again is answered with `bad-frame`.
 */
export class Commands {
  readonly #codec: Codec
  readonly #transmit: (frame: string | Uint8Array) => void
  readonly #stalled: () => void
  readonly #freed: () => void
  readonly #pending = new Map<number, Pending>()
  readonly #suspects = new WeakSet()
  /** The suspect that was sent and not answered. */
  #suspect: object | undefined
  #outbox: Command[] = []
  #lastId = CONNECT_ID
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Of the open session; undefined: nothing can be sent. */
  limits: AnnouncedLimits | undefined

  /** `stalled` is called when replies are overdue, `freed` when commands that `mustWait` may have to no more. */
  constructor(codec: Codec, transmit: (frame: string | Uint8Array) => void, stalled: () => void, freed: () => void) {
    this.#codec = codec
    this.#transmit = transmit
    this.#stalled = stalled
    this.#freed = freed
  }

  /** `isBlamed`: the server could not read what it was sent. */
  lost(isBlamed = false): void {
    this.limits = undefined
    this.#outbox = []
    this.#suspect = undefined
    const orphans = [...this.#pending]
    this.#pending.clear()
    this.expectReply()
    for (const [id, { key, onReply }] of orphans) {
      const message = 'the server could not read it, twice'
      onReply(
        isBlamed && this.#suspects.has(key)
          ? { type: 'error', id, code: 'bad-frame', message, retryable: false }
          : undefined,
      )
      if (isBlamed) this.#suspects.add(key)
    }
  }

  /** Whether the command is a suspect and another one is being tried. */
  mustWait(key: object): boolean {
    return this.#suspect !== undefined && this.#suspects.has(key)
  }

  /** Sent at the end of this turn, in order; without a session not at all. `key` is the same when it is sent again. */
  send(command: NewCommand, onReply: OnReply, key: object = command): void {
    if (this.limits === undefined) {
      onReply()
      return
    }
    const id = ++this.#lastId
    this.#pending.set(id, { key, onReply })
    if (this.#suspects.has(key)) this.#suspect = key
    if (this.#pending.size === 1) this.expectReply()
    if (this.#outbox.push({ ...command, id } as Command) > 1) return
    queueMicrotask(() => {
      const batch = this.#outbox
      this.#outbox = []
      this.#write(batch)
    })
  }

  receive(reply: Answer): void {
    const pending = this.#pending.get(reply.id)
    this.#pending.delete(reply.id)
    // A server that owes replies and answers pings only is not well; one that owes nothing is.
    if (reply.type !== 'pong' || this.#pending.size === 0) this.expectReply()
    if (!pending) return
    pending.onReply(reply)
    if (!this.#suspects.delete(pending.key)) return
    this.#suspect = undefined
    this.#freed()
  }

  /** Starts the wait for a reply again: it may be on its way behind the message that was just heard. */
  expectReply(): void {
    clearTimeout(this.#timer)
    if (this.#pending.size === 0 || !this.limits) return
    this.#timer = setTimeout(this.#stalled, Math.max(REPLY_TIMEOUT_MS, largestMessageMs(this.limits)))
  }

  #write(batch: readonly Command[]): void {
    const [first] = batch
    if (!first || !this.limits) return
    const frame = this.#codec.encode(batch.length > 1 ? batch : first)
    const bytes = typeof frame === 'string' ? utf8Bytes(frame) : frame.length
    if (bytes <= this.limits.maxFrameBytes) {
      this.#transmit(frame)
    } else if (batch.length > 1) {
      const half = batch.length >> 1
      this.#write(batch.slice(0, half))
      this.#write(batch.slice(half))
    } else {
      const message = 'larger than a frame may be'
      this.receive({ type: 'error', id: first.id, code: 'payload-too-large', message, retryable: false })
    }
  }
}
