import type { Position } from '@tidings/protocol'
import { Emitter } from './emitter.js'
import { onAbort } from './on-abort.js'
import type { SharedSubscription } from './shared-subscription.js'
import type { Subscriptions } from './subscriptions.js'
import { errorOf, type Failure, TidingsError } from './tidings-error.js'
import type {
  Off,
  SubscribeOptions,
  Subscription,
  SubscriptionEvents,
  SubscriptionItem,
  SubscriptionState,
} from './types.js'

type Next = IteratorResult<SubscriptionItem, undefined>

/** `after`: where to resume once the item was taken. */
interface Buffered {
  readonly item: SubscriptionItem
  after: Position
}

const DONE = { done: true, value: undefined } as const

/** A subscription as the application has it: buffers what a shared subscription of the session gives it. */
export class ChannelSubscription implements Subscription {
  readonly channel: string
  readonly options: SubscribeOptions
  /** Gives it its items; undefined while it has none coming: paused, or ended. */
  shared: SharedSubscription | undefined
  /** Where it wants to go on when it looks for one; undefined at its first start without a position. */
  from: Position | undefined
  /** The offset of the last item that came before that. */
  lastOffset = -1
  /** The application is behind: no items are taken until it has caught up by half. */
  isPaused = false
  readonly #subscriptions: Subscriptions
  readonly #maxBufferedItems: number
  readonly #events = new Emitter<SubscriptionEvents>()
  readonly #offAbort: Off
  readonly #waiters: ((next: Next | Promise<Next>) => void)[] = []
  #buffer: Buffered[] = []
  #state: SubscriptionState = 'waiting'
  #error: TidingsError | undefined
  #taken: Position | undefined
  #isIterated = false

  constructor(subscriptions: Subscriptions, channel: string, options: SubscribeOptions, maxBufferedItems: number) {
    this.channel = channel
    this.options = options
    this.from = this.#taken = options.from
    this.#subscriptions = subscriptions
    this.#maxBufferedItems = maxBufferedItems
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

  /** For good. With an error the iterator throws it after what is buffered. */
  end(failure?: Failure): void {
    if (this.#state === 'ended') return
    this.#error = failure && errorOf(failure)
    this.#state = 'ended'
    this.#offAbort()
    this.#subscriptions.ended(this)
    for (const waiter of this.#waiters.splice(0)) waiter(this.#next())
    this.shared?.remove(this)
    this.#events.emit('state', { state: 'ended', error: this.#error })
  }

  // ── as the shared subscription sees it

  emit<Name extends keyof SubscriptionEvents>(name: Name, event: SubscriptionEvents[Name]): void {
    this.#events.emit(name, event)
  }

  /** The shared subscription's state, and where it is. */
  follow(state: SubscriptionState, position: Position | undefined, error?: TidingsError): void {
    this.#taken ??= position
    if (this.isPaused) return
    const isCaughtUp = state === 'live' && this.#state !== 'live'
    this.#set(state, error)
    if (isCaughtUp && position !== undefined) this.#events.emit('caught-up', { position })
  }

  /**
   * False when the application is behind: then it goes on later after `position`. Until then it stays with the shared
   * subscription only if it tells who is present.
   */
  hasRoom(position: Position | undefined, lastOffset: number): boolean {
    if (!this.isPaused && this.#buffer.length >= this.#maxBufferedItems) {
      this.isPaused = true
      this.from = position
      this.lastOffset = lastOffset
      if (this.options.presence !== true) this.shared?.remove(this)
      this.#set('paused')
    }
    return !this.isPaused
  }

  /** Takes the next item in the order, or moves the position past something that is not handed out. */
  accept(after: Position, item?: SubscriptionItem): void {
    if (this.isPaused) return
    const last = this.#buffer.at(-1)
    if (item) {
      this.#buffer.push({ item, after })
    } else if (last) {
      last.after = after
    } else {
      this.#taken = after
    }
    this.#drain()
  }

  // ── to the application

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
    if (this.isPaused && this.#buffer.length <= this.#maxBufferedItems >> 1) {
      this.isPaused = false
      this.shared?.remove(this)
      this.#subscriptions.feed(this)
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
