import type { Contract, InputOf, OutputOf, ParamsOf, PatternOf } from '@tidings/contract'
import type { Durability, GapReason, JsonValue, Member, Position, Rewind, SlowPolicy, Tags } from '@tidings/protocol'
import type { FailedResult, TidingsError } from './tidings-error.js'

/**
 * - `idle`: nothing was asked of it yet
 * - `connecting`: an attempt is under way
 * - `connected`: a session is open
 * - `waiting`: for the next attempt; when `reason.code` is `offline` the network seems to be gone, and attempts are rare
 * - `closed`: for good, by `close()` or for `reason`; after `revoked` and `unauthorized` until `connect()`
 */
export type ClientState = 'idle' | 'connecting' | 'connected' | 'waiting' | 'closed'

export interface DisconnectReason {
  /**
   * The name of the server's close code, if it is one of the protocol, or an error code, or `offline`, `connection-lost`, `connect-timeout`,
   * `heartbeat-timeout`, `reply-timeout`, `bad-frame`, `token-failed`.
   */
  readonly code: string
  readonly message: string
}

export interface ClientStateChange {
  readonly state: ClientState
  /** With `waiting`. */
  readonly retryInMs?: number
  /** With `waiting`, and with `closed` unless `close()` was called. */
  readonly reason?: DisconnectReason
}

export interface ClientEvents {
  state: ClientStateChange
}

/** Stops the listener it was returned for. */
export type Off = () => void

type ParamsArguments<Source extends string> = string extends Source
  ? [params?: Readonly<Record<string, string>>]
  : keyof ParamsOf<Source> extends never
    ? [params?: Readonly<Record<string, never>>]
    : [params: ParamsOf<Source>]

/** One client: a connection that is kept up, and what is subscribed and published over it. */
export interface Client<App extends Contract = Contract> {
  readonly state: ClientState
  /** Who the server says this client is; null: anonymous; undefined until it first connected. */
  readonly user: string | null | undefined
  /** The id of the latest session, another one after each reconnect: operators can revoke it. undefined until it first connected. */
  readonly session: string | undefined
  /** Called at every change of `state`, in order. */
  on<Name extends keyof ClientEvents>(name: Name, listener: (event: ClientEvents[Name]) => void): Off
  /**
   * Connects now; without it the first use does. Opens a client again that the server closed with the reason `revoked` or
   * `unauthorized`, with a token that is asked for anew: call it after the next login. Subscriptions that waited since a
   * revocation go on where they were if the same user is connected then; otherwise they end with `user-changed`. Throws
   * TidingsError `closed` or `no-websocket`.
   */
  connect(): void
  /**
   * For good. Publishes never sent end with `closed`, unacknowledged ones with `outcome-unknown`; iterators end.
   */
  close(): void
  /** The channel that the pattern and its parameters name. Throws ContractError or TidingsError when they name none. */
  channel<Source extends PatternOf<App>>(
    pattern: Source,
    ...params: ParamsArguments<NoInfer<Source>>
  ): Channel<InputOf<App, Source>, OutputOf<App, Source>>
}

export interface Channel<Input = unknown, Output = unknown> {
  readonly name: string
  readonly presence: ChannelPresence
  /**
   * Any number of subscriptions to one channel may be open: those that are at the same position share one of the session.
   * Throws TidingsError `bad-option` when options exclude each other.
   */
  subscribe(options?: SubscribeOptions): Subscription<Output>
  /**
   * Keeps trying until the server answers, across reconnects. Never rejects. The data is copied at once: an ArrayBuffer or
   * a view of one as bytes, anything else as JSON, with `toJSON` and without properties that are undefined. Throws
   * TidingsError `bad-payload`, whose message names the path, for data that JSON cannot carry, and `bad-option` for an id, a
   * key or a tag with half a surrogate pair.
   */
  publish(data: Input, options?: PublishOptions): PendingPublish
  /**
   * One page. Waits for the connection. Never rejects. Throws TidingsError `bad-option` for a position
   * with half a surrogate pair.
   */
  history(options?: HistoryOptions): Promise<HistoryResult<Output>>
}

export interface SubscribeOptions {
  /** Resume after this position. Not together with `rewind`. Neither: live from now. */
  readonly from?: Position | undefined
  /** Begin with the latest publications: a count, or bounds of count and age. */
  readonly rewind?: number | Rewind | undefined
  /** What happens when the connection cannot take more. Default `catch-up` with history, `skip` without. */
  readonly policy?: SlowPolicy | undefined
  /** Also tell who is present: events `members` and `member`. */
  readonly presence?: boolean | undefined
  /** Aborting it unsubscribes; the iterator ends without an error. */
  readonly signal?: AbortSignal | undefined
}

export interface PublicationItem<Data = unknown> {
  readonly kind: 'publication'
  readonly data: Data
  /** The user who published; null: an anonymous one or the application. */
  readonly publisher: string | null
  readonly id: string
  readonly offset: number
  readonly position: Position
  /** Milliseconds since 1970 by the server's clock. */
  readonly time: number
  readonly key?: string
  readonly tags?: Tags
}

/** Publications that are missing, in their place in the order. */
export interface GapItem {
  readonly kind: 'gap'
  readonly reason: GapReason
  readonly from: Position
  readonly to: Position
  /** null: cannot be known. */
  readonly missed: number | null
}

export type SubscriptionItem<Data = unknown> = PublicationItem<Data> | GapItem

/**
 * - `waiting`: for the connection or the server
 * - `catching-up`: gets what was stored before
 * - `live`: has everything
 * - `paused`: the application reads slowly; it goes on where it stopped once enough was taken. Presence goes on meanwhile
 * - `ended`: by `unsubscribe`, or for `error`
 */
export type SubscriptionState = 'waiting' | 'catching-up' | 'live' | 'paused' | 'ended'

export interface SubscriptionEvents<Data = unknown> {
  /** Takes the place of the iterator: a subscription has listeners or an iterator. */
  item: SubscriptionItem<Data>
  /** Everything stored when the subscription was made or resumed was handed over or waits in the iterator. */
  'caught-up': { readonly position: Position }
  /** Everyone present: first, and again after every reconnect and whenever changes may have been missed. */
  members: readonly Member[]
  member: { readonly change: 'entered' | 'updated' | 'left'; readonly member: Member }
  /** `waiting` with an `error`: the server refuses it for now, and is asked again; told each time. */
  state: { readonly state: SubscriptionState; readonly error?: TidingsError | undefined }
}

/**
 * One interest in one channel, in log order, across reconnects. Leaving a `for await` unsubscribes. When the server
 * refuses or ends it for good, the iterator throws TidingsError after the items that came before.
 */
export interface Subscription<Data = unknown> extends AsyncIterable<SubscriptionItem<Data>, undefined, undefined> {
  readonly state: SubscriptionState
  /** Where to resume to get what the application has not taken yet; undefined until the server told where it starts. */
  readonly position: Position | undefined
  on<Name extends keyof SubscriptionEvents>(name: Name, listener: (event: SubscriptionEvents<Data>[Name]) => void): Off
  unsubscribe(): void
  [Symbol.asyncIterator](): AsyncIterableIterator<SubscriptionItem<Data>, undefined, undefined>
}

export interface PublishOptions {
  /** Names the publication: publishing again with it yields the first one. Default: random. At most 128 characters. */
  readonly id?: string | undefined
  readonly key?: string | undefined
  readonly tags?: Tags | undefined
  /** false: this client's own subscriptions do not get it. */
  readonly echo?: boolean | undefined
  /** Ends the wait with `aborted`, or with `outcome-unknown` once it was sent. */
  readonly signal?: AbortSignal | undefined
}

export interface PublishedResult {
  readonly ok: true
  readonly position: Position
  readonly offset: number
  /** Milliseconds since 1970 by the server's clock. */
  readonly time: number
  readonly durability: Durability
  /** It was published before with this id; the fields are the first one's. */
  readonly duplicate: boolean
}

export type PublishResult = PublishedResult | FailedResult

/** Never rejects. */
export interface PendingPublish extends PromiseLike<PublishResult> {
  readonly id: string
}

export interface HistoryOptions {
  /** Default `forward`. The items of a page are in this order. */
  readonly direction?: 'forward' | 'backward' | undefined
  /** Exclusive; `position` of the page before. Not together with `at`. */
  readonly from?: Position | undefined
  /** Milliseconds since 1970: at or after it going forward, before it going backward. */
  readonly at?: number | undefined
  /** Default 100; the server has a maximum. */
  readonly limit?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface HistoryPage<Data = unknown> {
  readonly ok: true
  readonly items: readonly PublicationItem<Data>[]
  /** What is missing before the first item, in the page's direction. */
  readonly gap: GapItem | null
  /** `from` of the next page. */
  readonly position: Position
  /** Whether the next page had items when this one was read. */
  readonly more: boolean
}

export type HistoryResult<Data = unknown> = HistoryPage<Data> | FailedResult

/**
 * The type of data if JSON can carry it. Unlike JsonValue it takes types declared with `interface`, and classes with
 * `toJSON`; functions, symbols, bigints and what holds them, such as a Map, are refused.
 */
export type JsonData<Data> = Data extends JsonValue | undefined | { toJSON(): unknown }
  ? Data
  : Data extends bigint | symbol | ((...parameters: never[]) => unknown)
    ? never
    : { readonly [Key in keyof Data]: JsonData<Data[Key]> }

/** Waits for the connection. Rejects only with TidingsError `bad-payload`, for data that JSON cannot carry. */
export interface ChannelPresence {
  /** Enters this client, with what others should see; enters it again after every reconnect. `member` names the entry. */
  enter<Data>(data?: Data & JsonData<Data>): Promise<{ readonly ok: true; readonly member: string } | FailedResult>
  update<Data>(data: Data & JsonData<Data>): Promise<{ readonly ok: true } | FailedResult>
  leave(): Promise<{ readonly ok: true } | FailedResult>
  get(): Promise<{ readonly ok: true; readonly members: readonly Member[] } | FailedResult>
}
