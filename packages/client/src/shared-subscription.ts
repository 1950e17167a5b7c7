import type { Member, Position, PublicationItem as WireItem, Push, TokenExpiringPush } from '@tidings/protocol'
import { backoffMs } from './backoff.js'
import type { Answer } from './commands.js'
import type { Siblings, SubscriptionLink } from './subscription-link.js'
import type { ChannelSubscription } from './subscription.js'
import { errorOf, type Failure, malformed, type TidingsError } from './tidings-error.js'
import type { SubscribeOptions, SubscriptionItem, SubscriptionState } from './types.js'

export type SubscriptionPush = Exclude<Push, TokenExpiringPush>

/** What the server has of it: nothing, a command under way, or the subscription. Only 'on' takes pushes. */
type Phase = 'off' | 'subscribing' | 'on' | 'unsubscribing'

const rewindOf = ({ rewind }: SubscribeOptions) => (typeof rewind === 'number' ? { count: rewind } : rewind)

/**
 * One subscription of the session, which feeds every subscription of the application that is at the same position of the
 * channel with the same options. Those that begin later start with another one, which joins this once both are live at
 * the same position.
 */
export class SharedSubscription {
  readonly channel: string
  /** Its number; undefined until it first subscribes. */
  sub: number | undefined
  /** Those that it feeds. */
  readonly readers = new Set<ChannelSubscription>()
  readonly #link: SubscriptionLink
  readonly #siblings: Siblings
  readonly #options: SubscribeOptions
  #phase: Phase = 'off'
  #state: SubscriptionState = 'waiting'
  /** After the last push: the server goes on after it. */
  #received: Position | undefined
  #lastOffset: number
  /** Undefined until the server told who is present. */
  #members: Map<string, Member> | undefined
  #attempt = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  /** Starts where the reader wants to. */
  constructor(link: SubscriptionLink, siblings: Siblings, { channel, options, from, lastOffset }: ChannelSubscription) {
    this.#link = link
    this.#siblings = siblings
    this.channel = channel
    this.#options = options
    this.#received = from
    this.#lastOffset = lastOffset
  }

  /** Whether the reader would get from it exactly what it wants. */
  fits({ options, from }: ChannelSubscription): boolean {
    return (
      this.#phase !== 'unsubscribing' &&
      this.#isLike(options) &&
      from === this.#received &&
      (from !== undefined || JSON.stringify(rewindOf(options)) === JSON.stringify(rewindOf(this.#options)))
    )
  }

  /** Takes the other's readers if both are live at the same position; tells whether it did. */
  absorb(other: SharedSubscription): boolean {
    const isSame =
      this !== other &&
      this.#isLive &&
      other.#isLive &&
      this.#received === other.#received &&
      this.#isLike(other.#options)
    if (isSame) {
      const readers = [...other.readers]
      other.readers.clear()
      other.#leave()
      for (const reader of readers) this.add(reader)
    }
    return isSame
  }

  add(reader: ChannelSubscription): void {
    this.readers.add(reader)
    reader.shared = this
    if (this.#phase !== 'on') return
    // The application did not have the time yet to listen.
    queueMicrotask(() => {
      if (reader.shared !== this || this.#phase !== 'on') return
      if (this.#members) reader.emit('members', [...this.#members.values()])
      reader.follow(this.#state, this.#received)
    })
  }

  remove(reader: ChannelSubscription): void {
    this.readers.delete(reader)
    reader.shared = undefined
    if (this.readers.size > 0) return
    if (this.#phase === 'on') this.#leave()
    else if (this.#phase === 'off') this.#release()
  }

  // ── with the server

  /** Subscribes where it stopped, if the session is open and has a number left. */
  readonly join = (): void => {
    const { commands } = this.#link
    if (this.#phase !== 'off' || !commands.limits || commands.mustWait(this)) return
    this.sub ??= this.#siblings.freeSub(this.channel)
    if (this.sub === undefined) return
    const { policy, presence } = this.#options
    const from = this.#received
    const start = from === undefined ? { rewind: rewindOf(this.#options) } : { from }
    this.#phase = 'subscribing'
    const command = { type: 'subscribe', ...this.#name, ...start, policy, presence } as const
    commands.send(command, (reply) => this.#joined(reply), this)
  }

  lost(): void {
    clearTimeout(this.#timer)
    this.#phase = 'off'
    this.#members = undefined
    if (this.readers.size > 0) this.#set('waiting')
    else this.#release()
  }

  /** Throws when the push is malformed. */
  push(push: SubscriptionPush): void {
    if (this.#phase !== 'on') return
    switch (push.type) {
      case 'publications':
        if (this.#hasRoom()) for (const item of push.publications) this.#publication(item)
        break
      case 'gap':
        if (this.#hasRoom()) {
          const { reason, from, to, missed } = push
          this.#accept(to, { kind: 'gap', reason, from, to, missed })
          if (reason === 'epoch-changed') this.#lastOffset = -1
        }
        break
      case 'caught-up':
        this.#attempt = 0
        if (![...this.readers].every(({ isPaused }) => isPaused)) {
          this.#accept(push.position)
          this.#set('live')
        }
        break
      case 'members':
        this.#members = new Map(push.members.map((member) => [member.member, member]))
        for (const reader of this.readers) reader.emit('members', push.members)
        break
      case 'member':
        if (push.change === 'left') this.#members?.delete(push.member.member)
        else this.#members?.set(push.member.member, push.member)
        for (const reader of this.readers) reader.emit('member', push)
        break
      case 'subscription-ended':
        this.#phase = 'off'
        this.#refused(push)
        break
      default:
    }
    if (this.#isLive) this.#siblings.moved(this)
  }

  get #name(): { readonly channel: string; readonly sub: number | undefined } {
    return { channel: this.channel, sub: this.sub === 0 ? undefined : this.sub }
  }

  #joined(reply: Answer | undefined): void {
    // When the session ended first, `lost` follows.
    if (!reply) return
    if (reply.type === 'error') {
      this.#phase = 'off'
      this.#refused(reply)
    } else if (reply.type !== 'subscribed' || typeof reply.position !== 'string') {
      malformed()
    } else if (this.readers.size === 0) {
      this.#leave()
    } else {
      this.#phase = 'on'
      this.#received ??= reply.position
      this.#set('catching-up')
    }
  }

  #refused(failure: Failure): void {
    if (this.readers.size === 0) {
      this.#release()
    } else if (failure.retryable) {
      this.#again(this.join)
      this.#set('waiting', errorOf(failure))
    } else {
      for (const reader of this.readers) reader.end(failure)
    }
  }

  #leave(): void {
    this.#phase = 'unsubscribing'
    this.#link.commands.send({ type: 'unsubscribe', ...this.#name }, (reply) => {
      if (!reply) return
      if (reply.type === 'error' && reply.retryable) {
        this.#again(() => this.#phase === 'unsubscribing' && this.#leave())
      } else {
        this.#release()
      }
    })
  }

  #release(): void {
    clearTimeout(this.#timer)
    this.#siblings.released(this)
  }

  #again(command: () => unknown): void {
    this.#timer = setTimeout(command, backoffMs(this.#attempt++, this.#link.settings.backoff))
  }

  // ── to the readers

  get #isLive(): boolean {
    return this.#phase === 'on' && this.#state === 'live'
  }

  #isLike({ policy, presence }: SubscribeOptions): boolean {
    return policy === this.#options.policy && !presence === !this.#options.presence
  }

  #set(state: SubscriptionState, error?: TidingsError): void {
    this.#state = state
    for (const reader of this.readers) reader.follow(state, this.#received, error)
  }

  #publication(item: WireItem): void {
    const { offset, position } = item
    if (typeof offset !== 'number') malformed()
    if (this.#phase !== 'on' || offset <= this.#lastOffset) return
    const isHidden = 'echo' in item || this.#link.isUnheard(this.channel, item)
    this.#lastOffset = offset
    this.#accept(position, isHidden ? undefined : { kind: 'publication', ...item })
  }

  /** Whether there is a reader that is not behind. The others have left, or stay for presence only. */
  #hasRoom(): boolean {
    let hasRoom = false
    for (const reader of this.readers) if (reader.hasRoom(this.#received, this.#lastOffset)) hasRoom = true
    return hasRoom
  }

  /** Hands out the next item in the order, or moves the position past something that is not handed out. */
  #accept(after: Position, item?: SubscriptionItem): void {
    if (typeof after !== 'string') malformed()
    for (const reader of this.readers) reader.accept(after, item)
    this.#received = after
  }
}
