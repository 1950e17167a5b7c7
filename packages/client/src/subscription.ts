import type { Position, Publication, PublicationItem as WireItem, ServerMessage } from '@tidings/protocol'
import { backoffMs } from './backoff.js'
import type { Answer, Commands } from './commands.js'
import { Emitter } from './emitter.js'
import { onAbort } from './on-abort.js'
import type { Settings } from './settings.js'
import { type Failure, malformed, TidingsError } from './tidings-error.js'
import type {
  Off,
  SubscribeOptions,
  Subscription,
  SubscriptionEvents,
  SubscriptionItem,
  SubscriptionState,
} from './types.js'

export interface SubscriptionName {
  readonly channel: string
  /** undefined in place of 0. */
  readonly sub: number | undefined
}

/** The client, as a subscription sees it. */
export interface SubscriptionLink {
  readonly commands: Commands
  readonly settings: Settings
  /** Whether the publication is one's own and was published with `echo: false`. */
  isUnheard(channel: string, publication: Publication): boolean
}

type Next = IteratorResult<SubscriptionItem, undefined>

/** `after`: where to resume once the item was taken. */
interface Buffered {
  readonly item: SubscriptionItem
  after: Position
}

/** What the server has of it: nothing, a command under way, or the subscription. Only 'on' takes pushes. */
type Phase = 'off' | 'subscribing' | 'on' | 'unsubscribing'

const DONE = { done: true, value: undefined } as const

const errorOf = (failure: Failure): TidingsError => new TidingsError(failure.code, failure.message, failure.retryable)

export class ChannelSubscription implements Subscription {
  readonly #link: SubscriptionLink
  readonly #options: SubscribeOptions
  readonly #events = new Emitter<SubscriptionEvents>()
  readonly #name: SubscriptionName
  readonly #release: () => void
  readonly #offAbort: Off
  readonly #waiters: ((next: Next | Promise<Next>) => void)[] = []
  #buffer: Buffered[] = []
  #phase: Phase = 'off'
  #state: SubscriptionState = 'waiting'
  #error: TidingsError | undefined
  /** Of the last item that came: the server goes on after it. */
  #received: Position | undefined
  #taken: Position | undefined
  #lastOffset = -1
  #isIterated = false
  #attempt = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  /** `release` is called when the server has nothing of it any more: its number may be used again. */
  constructor(link: SubscriptionLink, name: SubscriptionName, options: SubscribeOptions, release: () => void) {
    this.#link = link
    this.#name = name
    this.#options = options
    this.#release = release
    this.#received = this.#taken = options.from
    this.#offAbort = onAbort(options.signal, this.unsubscribe)
  }

  get state(): SubscriptionState {
    return this.#state
  }

  get position(): Position | undefined {
    return this.#taken
  }

  on<Name extends keyof SubscriptionEvents>(name: Name, listener: (event: SubscriptionEvents[Name]) => void): Off {
    if (name === 'item') {
      if (this.#isIterated) throw new TidingsError('bad-option', 'the subscription is iterated')
      queueMicrotask(() => this.#drain())
    }
    return this.#events.on(name, listener)
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<SubscriptionItem, undefined, undefined> {
    if (this.#events.has('item')) throw new TidingsError('bad-option', 'the subscription has item listeners')
    this.#isIterated = true
    const iterator: AsyncIterableIterator<SubscriptionItem, undefined, undefined> = {
      next: () => this.#next(),
      return: () => {
        this.unsubscribe()
        return Promise.resolve(DONE)
      },
      [Symbol.asyncIterator]: () => iterator,
    }
    return iterator
  }

  readonly unsubscribe = (): void => {
    this.#buffer = []
    this.end()
  }

  // ── what the client tells

  /** Subscribes where it stopped, if the session is open and the application has room. */
  readonly join = (): void => {
    const { commands } = this.#link
    if (this.#phase !== 'off' || !commands.limits || commands.mustWait(this)) return
    const { rewind, policy, presence } = this.#options
    if (this.#isBehind && presence !== true) return
    const from = this.#received
    const start = from === undefined ? { rewind: typeof rewind === 'number' ? { count: rewind } : rewind } : { from }
    this.#phase = 'subscribing'
    const command = { type: 'subscribe', ...this.#name, ...start, policy, presence } as const
    commands.send(command, (reply) => this.#joined(reply), this)
  }

  lost(): void {
    this.#stopTrying()
    this.#phase = 'off'
    if (this.#state === 'ended') this.#release()
    else if (this.#state !== 'paused') this.#set('waiting')
  }

  /** For good. With an error the iterator throws it after what is buffered. */
  end(failure?: Failure): void {
    if (this.#state === 'ended') return
    const error = failure && errorOf(failure)
    const wasTrying = this.#stopTrying()
    this.#offAbort()
    this.#error = error
    this.#state = 'ended'
    for (const waiter of this.#waiters.splice(0)) waiter(this.#next())
    if (this.#phase === 'on' || (this.#phase === 'unsubscribing' && wasTrying)) this.#leave()
    else if (this.#phase === 'off') this.#release()
    this.#events.emit('state', { state: 'ended', error })
  }

  /** Throws when the push is malformed. */
  push(push: ServerMessage): void {
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
        if (this.#state === 'paused') break
        this.#attempt = 0
        this.#accept(push.position)
        this.#set('live')
        this.#events.emit('caught-up', push)
        break
      case 'members':
        this.#events.emit('members', push.members)
        break
      case 'member':
        this.#events.emit('member', push)
        break
      case 'subscription-ended':
        this.#phase = 'off'
        this.#refused(push)
        break
      default:
    }
  }

  // ── with the server

  #joined(reply: Answer | undefined): void {
    if (!reply) return
    if (reply.type === 'error') {
      this.#phase = 'off'
      this.#refused(reply)
    } else if (reply.type !== 'subscribed' || typeof reply.position !== 'string') {
      malformed()
    } else if (this.#state === 'ended') {
      this.#leave()
    } else {
      this.#phase = 'on'
      if (this.#received === undefined) this.#received = this.#taken = reply.position
      if (!this.#isBehind) this.#set('catching-up')
    }
  }

  #refused(failure: Failure): void {
    if (this.#state === 'ended') {
      this.#release()
    } else if (failure.retryable) {
      this.#again(this.join)
      this.#set('waiting', errorOf(failure))
    } else {
      this.end(failure)
    }
  }

  #leave(): void {
    this.#phase = 'unsubscribing'
    this.#link.commands.send({ type: 'unsubscribe', ...this.#name }, (reply) => {
      // When the session ended first, `lost` follows.
      if (!reply) return
      if (reply.type === 'error' && reply.retryable) {
        this.#again(() => this.#leave())
        return
      }
      this.#phase = 'off'
      if (this.#state === 'ended') this.#release()
      else this.join()
    })
  }

  #again(command: () => void): void {
    const delayMs = backoffMs(this.#attempt++, this.#link.settings.backoff)
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      command()
    }, delayMs)
  }

  /** Whether a command was to be sent again. */
  #stopTrying(): boolean {
    const isTrying = this.#timer !== undefined
    clearTimeout(this.#timer)
    this.#timer = undefined
    return isTrying
  }

  // ── items

  #publication(item: WireItem): void {
    const { offset, position } = item
    if (typeof offset !== 'number') malformed()
    if (this.#phase !== 'on' || offset <= this.#lastOffset) return
    const isHidden = 'echo' in item || this.#link.isUnheard(this.#name.channel, item)
    this.#accept(position, isHidden ? undefined : { kind: 'publication', ...item })
    this.#lastOffset = offset
  }

  /**
   * False when the application is behind: then the push is dropped, and the server is asked for it again later. Until then
   * the subscription goes on only if it tells who is present.
   */
  #hasRoom(): boolean {
    if (this.#state === 'paused') return false
    if (this.#buffer.length < this.#link.settings.maxBufferedItems) return true
    if (this.#options.presence !== true) this.#leave()
    this.#set('paused')
    return false
  }

  /** Whether it is paused and the application has not taken enough yet to go on. */
  get #isBehind(): boolean {
    return this.#state === 'paused' && this.#buffer.length > this.#link.settings.maxBufferedItems >> 1
  }

  /** Takes the next item in the order, or moves the position past something that is not handed out. */
  #accept(after: Position, item?: SubscriptionItem): void {
    if (typeof after !== 'string') malformed()
    const last = this.#buffer.at(-1)
    if (item) {
      this.#buffer.push({ item, after })
    } else if (last) {
      last.after = after
    } else {
      this.#taken = after
    }
    this.#received = after
    this.#drain()
  }

  /** Hands what is buffered to those who wait for it. */
  #drain(): void {
    for (const waiter of this.#waiters.splice(0, this.#buffer.length)) waiter(this.#next())
    while (this.#buffer.length > 0 && this.#events.has('item')) {
      const { value } = this.#take()
      if (value) this.#events.emit('item', value)
    }
  }

  /** The next buffered item, which counts as taken from now on. */
  #take(): Next {
    const next = this.#buffer.shift()
    if (!next) return DONE
    this.#taken = next.after
    if (this.#state === 'paused' && !this.#isBehind) {
      if (this.#phase === 'on') this.#leave()
      else this.join()
    }
    return { done: false, value: next.item }
  }

  async #next(): Promise<Next> {
    if (this.#buffer.length > 0) return this.#take()
    if (this.#state !== 'ended') return new Promise((resolve) => this.#waiters.push(resolve))
    if (this.#error) throw this.#error
    return DONE
  }

  #set(state: SubscriptionState, error?: TidingsError): void {
    if (this.#state === state && !error) return
    this.#state = state
    this.#events.emit('state', { state, error })
  }
}
