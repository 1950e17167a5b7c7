import type { AnnouncedLimits, Codec, Command, Reply } from '@tidings/protocol'
import { utf8Bytes } from './plain-data.js'

/** How long a session may owe replies without giving any. */
const REPLY_TIMEOUT_MS = 30_000
/** That of `connect`, which the connection sends itself. */
export const CONNECT_ID = 1

/** Codecs leave out fields that are undefined. */
type Unnumbered<Type> = Type extends Command
  ? { readonly [Name in keyof Omit<Type, 'id'>]: Type[Name] | undefined }
  : never
export type NewCommand = Unnumbered<Command>

/** undefined: the session ended first, and whether the command was carried out is not known. */
export type OnReply = (reply?: Reply) => void

/** One session's commands: numbers them, packs those of one turn into frames, and finds each reply its asker. */
export class Commands {
  readonly #codec: Codec
  readonly #transmit: (frame: string | Uint8Array) => void
  readonly #stalled: () => void
  readonly #pending = new Map<number, OnReply>()
  #outbox: Command[] = []
  #lastId = CONNECT_ID
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Of the open session; undefined: nothing can be sent. */
  limits: AnnouncedLimits | undefined

  /** `stalled` is called when replies are overdue. */
  constructor(codec: Codec, transmit: (frame: string | Uint8Array) => void, stalled: () => void) {
    this.#codec = codec
    this.#transmit = transmit
    this.#stalled = stalled
  }

  lost(): void {
    this.limits = undefined
    this.#outbox = []
    const orphans = [...this.#pending.values()]
    this.#pending.clear()
    this.#expectReply()
    for (const onReply of orphans) onReply()
  }

  /** Sent at the end of this turn, in order; without a session not at all. */
  send(command: NewCommand, onReply: OnReply): void {
    if (this.limits === undefined) {
      onReply()
      return
    }
    const id = ++this.#lastId
    this.#pending.set(id, onReply)
    if (this.#pending.size === 1) this.#expectReply()
    if (this.#outbox.push({ ...command, id } as Command) > 1) return
    queueMicrotask(() => {
      const batch = this.#outbox
      this.#outbox = []
      this.#write(batch)
    })
  }

  receive(reply: Reply): void {
    const onReply = this.#pending.get(reply.id)
    this.#pending.delete(reply.id)
    // A server that owes replies and answers pings only is not well; one that owes nothing is.
    if (reply.type !== 'pong' || this.#pending.size === 0) this.#expectReply()
    onReply?.(reply)
  }

  #expectReply(): void {
    clearTimeout(this.#timer)
    if (this.#pending.size > 0) this.#timer = setTimeout(this.#stalled, REPLY_TIMEOUT_MS)
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
