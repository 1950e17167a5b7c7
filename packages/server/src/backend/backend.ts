/**
 * What the server asks of a backend: where publications are ordered and kept. The core is written against these four
 * interfaces only, and they must also fit a remote store (NATS JetStream): offsets may be sparse, live notices may come
 * late, twice, out of order or not at all, and every call may fail with a `BackendError`.
 */
import type { HistoryRules } from '@tidings/contract'
import type { Durability, Gap, Member, Position, Rewind, Tags } from '@tidings/protocol'

/** A channel with the rules the log applies to it; one object per channel name while it is in use. */
export interface LogChannel {
  readonly name: string
  readonly durability: Durability
  /** null: nothing is kept. */
  readonly history: HistoryRules | null
  readonly dedupeWindowMs: number
}

/** Data as it is stored and sent: JSON text, or bytes. */
export type Payload = string | Uint8Array

export interface NewPublication {
  readonly id: string
  /** true: the id was made for this call and nobody can repeat it, so it need not be remembered. */
  readonly isUnrepeatable?: true
  /**
   * How long after the call the id may be looked up at the latest: later it may be forgotten, and the publish must be
   * refused `unavailable` instead. Default: any time.
   */
  readonly maxWaitMs?: number
  /** Whose ids these are: two scopes never collide. At most 256 characters. */
  readonly scope: string
  /** Whose share of the backend's memory it counts in, such as `user:ann`. Absent: the application's own, which has no bound. */
  readonly account?: string | undefined
  readonly publisher: string | null
  readonly payload: Payload
  readonly key?: string
  readonly tags?: Tags
  /** The session whose subscriptions get an echo mark instead. Not part of what makes two publications the same. */
  readonly mutedFor?: string
}

export interface StoredPublication {
  readonly offset: number
  readonly position: Position
  /** max(the one before, the wall clock), milliseconds since 1970. */
  readonly time: number
  readonly payload: Payload
  readonly publisher: string | null
  readonly id: string
  readonly key?: string
  readonly tags?: Tags
  /** As in NewPublication. */
  readonly mutedFor?: string
}

/** A place in a channel's order: after the publication with this offset. Offset 0: before the first. */
export interface Cursor {
  readonly position: Position
  readonly offset: number
}

export interface PublishResult extends Cursor {
  readonly time: number
  /** What was reached, which is what the channel's rules ask for. */
  readonly durability: Durability
  /** This (channel, scope, id) was stored before, with the same payload, key and tags; the fields are the first one's. */
  readonly duplicate: boolean
}

export interface ReadRequest {
  readonly direction: 'forward' | 'backward'
  /**
   * Exclusive position, or a time (forward: at or after; backward: before), or absent: from the oldest (forward) or the
   * newest (backward).
   */
  readonly from?: Position | { readonly time: number }
  readonly limit: number
  /** The page ends once its payloads have this many bytes; it holds at least one publication if there is any. */
  readonly maxBytes: number
}

export interface Page {
  /** What is missing before the first publication, in the read's direction. */
  readonly gap: Gap | null
  /** In the read's direction. */
  readonly publications: readonly StoredPublication[]
  /** Where the next page goes on. Without publications: `gap.to`, or the place the read started from. */
  readonly end: Cursor
  /** Whether there was more, in this direction, when the page was read. */
  readonly more: boolean
}

export interface LogListener {
  /**
   * A publication became as durable as its channel asks. `previousOffset` is the offset of the one before it in the log
   * (0 for the first), or null if that is not known.
   */
  publication(publication: StoredPublication, previousOffset: number | null): void
  /** Notices may have been lost: read the log. Never called when `notices` is 'exact'. */
  suspect(): void
}

export interface Watch {
  stop(): void
}

/**
 * One ordered log a channel. Order: a channel's publications have one order, the same for every reader and watcher.
 * Every read, tail and notice stops at the durable watermark: nobody sees a publication before it is as durable as its
 * channel asks. Positions that the log did not make, or whose log is gone, are answered by a gap `epoch-changed` whose
 * `to` is the tail; never by an error.
 */
export interface Log {
  /**
   * 'exact': every publication is noticed once, in order, before its `publish` resolves; those of other nodes as
   * `noticed` says.
   * 'hints': notices may come late, twice, out of order or not at all.
   */
  readonly notices: 'exact' | 'hints'
  /**
   * Stores a publication; resolves once it is as durable as `channel.durability` says. Calls for one channel are stored
   * in the order they were made. Rejects with BackendError `id-conflict`, `storage-full`, `overloaded` (nothing was
   * stored) or `unavailable` (it may have been stored; a retry with the same id finds out).
   */
  publish(channel: LogChannel, publication: NewPublication): Promise<PublishResult>
  read(channel: LogChannel, request: ReadRequest): Promise<Page>
  /** The cursor before the first of the latest publications that fit both bounds; the tail if none does. */
  rewind(channel: LogChannel, rewind: Rewind): Promise<Cursor>
  /** The newest cursor of each channel, in the order asked. For a remote log: asked of the one who decides the order. */
  tails(channels: readonly LogChannel[]): Promise<readonly Cursor[]>
  /** From the moment this resolves until `stop`, `listener` is told of publications. It must not throw. `account`: as of a publication, for a channel that nobody uses yet. */
  watch(channel: LogChannel, listener: LogListener, account?: string): Promise<Watch>
  /** Whether it has stored publications, or anybody watches it, on whichever node. Remembers nothing of a channel that is not in use. */
  isInUse(channel: LogChannel): Promise<boolean>
  /**
   * Resolves once watchers were told of everything that any node had stored before the call, in an earlier turn. Absent
   * where that always is so (nobody else stores anything), and where notices are hints. Rejects with BackendError.
   */
  noticed?(): Promise<void>
  /** Forgets a channel's publications; the next reader behind them gets a gap `purged`. Offsets go on. */
  purge(channel: LogChannel): Promise<void>
}

export type MemberChange = 'entered' | 'updated' | 'left'

export interface PresenceWatch extends Watch {
  /** Everyone present when the watch began; every later change is told, in order. */
  readonly members: readonly Member[]
}

/** Who is in a channel. Entries belong to the node that made them and end with it. */
export interface PresenceStore {
  /** Adds the member, or replaces the one with the same name. */
  put(channel: string, member: Member): Promise<void>
  /** Does nothing if there is none. */
  remove(channel: string, member: string): Promise<void>
  members(channel: string): Promise<readonly Member[]>
  watch(channel: string, listener: (change: MemberChange, member: Member) => void): Promise<PresenceWatch>
}

/** Between nodes. At most once; one sender's are told in the order it sent them. A node hears its own. */
export interface Bus {
  publish(subject: string, bytes: Uint8Array): Promise<void>
  subscribe(subject: string, listener: (bytes: Uint8Array) => void): Promise<Watch>
}

/** Small durable facts, such as revocations. As durable as the backend can; a write is visible once it resolves. */
export interface State {
  get(key: string): Promise<Uint8Array | undefined>
  set(key: string, value: Uint8Array): Promise<void>
  delete(key: string): Promise<void>
  /** Sorted by key. */
  list(prefix: string): Promise<readonly { readonly key: string; readonly value: Uint8Array }[]>
}

export interface Backend {
  readonly name: string
  /** The durabilities it can keep, the safest first; that one is the default of channels with history. */
  readonly durabilities: readonly Durability[]
  readonly log: Log
  readonly presence: PresenceStore
  readonly bus: Bus
  readonly state: State
  /**
   * Must resolve before anything else is called. `fail` is called at most once, when the backend can no longer keep
   * its promises: the node must stop. Rejects with BackendError `damaged`, `locked` or `unavailable`.
   */
  open(fail: (error: BackendError) => void): Promise<void>
  /** Waits for publishes under way, then lets go of everything. */
  close(): Promise<void>
}

export type BackendErrorCode =
  | 'id-conflict'
  | 'storage-full'
  | 'overloaded'
  /** One account would have more than its share of what all use; nothing was stored. */
  | 'over-share'
  | 'unavailable'
  /** Open only: another process has the data directory. */
  | 'locked'
  /** Open only: the data cannot be read, or another version wrote it. */
  | 'damaged'
  /** A sync failed: what was acknowledged is kept, what was not is unknown; the store is fenced. */
  | 'fenced'

/** What a backend rejects with. The message is one sentence that says what to do where the operator can do something. */
export class BackendError extends Error {
  override readonly name = 'BackendError'
  readonly code: BackendErrorCode

  constructor(code: BackendErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
