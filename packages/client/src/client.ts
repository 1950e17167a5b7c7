import { type Contract, formatPattern } from '@tidings/contract'
import type { ConnectedReply, Publication, ServerMessage } from '@tidings/protocol'
import { Asks } from './asks.js'
import { type ChannelLink, createChannel } from './channel.js'
import { Commands } from './commands.js'
import { Connection, noop } from './connection.js'
import { Emitter } from './emitter.js'
import { Presence } from './presence.js'
import { PublishQueue } from './publish-queue.js'
import { type Settings, settingsOf } from './settings.js'
import type { SubscriptionLink } from './subscription-link.js'
import { ChannelSubscription } from './subscription.js'
import { Subscriptions } from './subscriptions.js'
import { type FailedResult, type Failure, failed, TidingsError } from './tidings-error.js'
import type { ClientOptions, WebSocketConstructor } from './options.js'
import type {
  Channel,
  ChannelPresence,
  Client,
  ClientEvents,
  ClientState,
  DisconnectReason,
  Off,
  SubscribeOptions,
} from './types.js'

const CLOSED = failed('closed', 'the client was closed')

class TidingsClient implements ChannelLink, SubscriptionLink {
  readonly settings: Settings
  readonly commands: Commands
  readonly asks: Asks
  readonly publishes: PublishQueue
  readonly #options: ClientOptions
  readonly #connection: Connection
  readonly #presence: Presence
  readonly #subscriptions = new Subscriptions(this)
  readonly #events = new Emitter<ClientEvents>()
  #over = CLOSED
  /** Closed because of who it is: `connect` opens it again. */
  #mayReturn = false
  /** Who it was when it was revoked, until a session is open again. */
  #revoked: { readonly user: string | null | undefined } | undefined
  user: string | null | undefined
  session: string | undefined

  constructor(options: ClientOptions) {
    const settings = settingsOf(options)
    this.#options = options
    this.settings = settings
    this.commands = new Commands(
      settings.codec,
      (frame) => this.#connection.transmit(frame),
      () => this.#connection.fail('reply-timeout'),
      () => this.#freed(),
    )
    this.asks = new Asks(this.commands, () => this.begin())
    this.publishes = new PublishQueue(this.commands, settings)
    this.#presence = new Presence(this.asks, this.commands, settings.backoff)
    this.#connection = new Connection(settings, {
      opened: (connected) => this.#opened(connected),
      message: (message) => this.#message(message as unknown as ServerMessage),
      silent: () => this.commands.send({ type: 'ping' }, noop),
      lost: (isBlamed) => {
        this.commands.lost(isBlamed)
        this.#subscriptions.lost()
      },
      ended: (reason) => this.#ended(reason),
      state: (change) => this.#events.emit('state', change),
    })
  }

  get state(): ClientState {
    return this.#connection.state
  }

  on<Name extends keyof ClientEvents>(name: Name, listener: (event: ClientEvents[Name]) => void): Off {
    return this.#events.on(name, listener)
  }

  connect(): void {
    if (this.state === 'closed' && this.#mayReturn) this.#start()
    else this.#need()
  }

  close(): void {
    this.#connection.end()
    // Closed already, by the server: now nothing waits for `connect` any more.
    if (this.#mayReturn) this.#ended(undefined)
  }

  channel(pattern: string, params: Readonly<Record<string, string>> = {}): Channel {
    const name = formatPattern(pattern, params)
    const { contract } = this.#options
    const match = contract?.match(name)
    if (contract && !match) {
      throw new TidingsError('unknown-channel', `the contract has no channel '${name}'`)
    }
    return createChannel(this, name, match?.definition)
  }

  // ── as channels and subscriptions see it

  begin(): FailedResult | undefined {
    if (this.state === 'closed') return this.#over
    if (this.state === 'idle') this.#start()
    return undefined
  }

  #need(): void {
    const over = this.begin()
    if (over) throw new TidingsError(over.error.code, over.error.message)
  }

  #start(): void {
    const WebSocket =
      this.#options.WebSocket ?? (globalThis as unknown as { WebSocket?: WebSocketConstructor }).WebSocket
    if (!WebSocket) {
      throw new TidingsError('no-websocket', "no WebSocket here: pass the option WebSocket, on Node 20 that of 'ws'")
    }
    for (const address of this.settings.addresses) {
      if (!address.startsWith('ws')) throw new TidingsError('bad-option', `no page completes the url '${address}'`)
    }
    this.#connection.connect(WebSocket)
  }

  presence(channel: string): ChannelPresence {
    return this.#presence.of(channel)
  }

  subscribe(channel: string, options: SubscribeOptions): ChannelSubscription {
    if (options.from !== undefined && options.rewind !== undefined) {
      throw new TidingsError('bad-option', 'from and rewind exclude each other')
    }
    this.#need()
    const { maxBufferedItems } = this.settings
    const subscription = new ChannelSubscription(this.#subscriptions, channel, options, maxBufferedItems)
    this.#subscriptions.feed(subscription)
    return subscription
  }

  isUnheard(channel: string, { publisher, id }: Publication): boolean {
    return publisher === this.user && this.publishes.isUnheard(channel, id)
  }

  // ── as the connection sees it

  #opened({ user, session, limits, retryWindowMs }: ConnectedReply): void {
    if (this.#revoked) {
      const isSame = this.#revoked.user === user
      this.#revoked = undefined
      this.#subscriptions.letGo(isSame)
      if (!isSame) this.#presence.forget()
    }
    this.user = user
    this.session = session
    this.commands.limits = limits
    this.#subscriptions.join()
    // First who is here: what else was asked may be about that.
    this.#presence.opened()
    this.asks.resume()
    this.publishes.opened(user, retryWindowMs)
  }

  /** Sends what had to wait. */
  #freed(): void {
    this.#subscriptions.join()
    this.asks.resume()
    this.publishes.schedule()
  }

  #message(message: ServerMessage): void {
    if ('id' in message) {
      this.commands.receive(message)
      return
    }
    this.commands.expectReply()
    if (message.type !== 'token-expiring') {
      this.#subscriptions.push(message)
    } else if (typeof this.settings.token === 'function') {
      // When it fails the server asks again, and in the end closes the connection: the next one has a fresh token.
      this.#connection.tokens.ask((token) => this.commands.send({ type: 'refresh', token: token ?? '' }, noop), noop)
    }
  }

  #ended(reason: DisconnectReason | undefined): void {
    this.#over = reason ? failed(reason.code as Failure['code'], reason.message) : CLOSED
    this.#mayReturn = reason?.code === 'revoked' || reason?.code === 'unauthorized'
    if (reason?.code === 'revoked') this.#revoked ??= { user: this.user }
    if (this.#revoked && this.#mayReturn) {
      this.#subscriptions.hold(this.#over.error)
      this.#presence.close()
    } else {
      this.#revoked = undefined
      this.#subscriptions.close(reason && this.#over.error)
      this.#presence.forget()
    }
    this.asks.close(this.#over)
    this.publishes.close(this.#over)
  }
}

/**
 * A client of the nodes at `url`. Give the contract's type to get its channels and payloads checked by the compiler:
 * `createClient<typeof app>({ url })`. Connects at the first use. Throws TidingsError `bad-option`.
 */
export const createClient = <App extends Contract = Contract>(options: ClientOptions<App>): Client<App> =>
  new TidingsClient(options) as Client<App>
