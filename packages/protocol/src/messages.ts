/**
 * The messages of wire protocol v1. `docs/protocol.md` is the specification; these types are its TypeScript form.
 * Every message is an object discriminated by `type`. A frame holds one message or an array of them.
 */
import type { ErrorCode } from './codes.js'

/** What JSON can carry without loss. Numbers are finite IEEE doubles. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue }

/** The data of a publication: a JSON value, or bytes as a whole (never bytes inside a JSON value). */
export type PublicationData = JsonValue | Uint8Array

/** Where a subscriber is in a channel. Opaque: only the backend that made it reads it. At most 128 characters. */
export type Position = string

/** How safely a publication is kept once it is acknowledged. */
export type Durability = 'none' | 'memory' | 'disk' | 'replicated'

/** Why publications are missing from a subscription or a history page. */
export type GapReason = 'trimmed' | 'expired' | 'purged' | 'epoch-changed' | 'skipped' | 'broker'

/** What happens to a subscription whose connection cannot take more. */
export type SlowPolicy = 'catch-up' | 'skip' | 'disconnect'

/** Small strings that travel with a publication, for filters and tracing. */
export type Tags = Readonly<Record<string, string>>

/** One item of a channel, as it is delivered. */
export interface Publication {
  /** Its number in the channel's log: rises, and is contiguous on the memory and disk backends. */
  readonly offset: number
  readonly position: Position
  /** Milliseconds since 1970 by the server's clock; never falls within a channel. */
  readonly time: number
  readonly data: PublicationData
  /** The user who published, or null for an anonymous one and for the application itself. */
  readonly publisher: string | null
  /** The publisher's own id for it: unique per publisher within the dedupe window. */
  readonly id: string
  readonly key?: string
  readonly tags?: Tags
}

/**
 * Stands in place of the session's own publication that it asked not to hear (`echo: false`): it moves the
 * subscription's position and is not handed to the application.
 */
export interface EchoMark {
  readonly offset: number
  readonly position: Position
  readonly id: string
  readonly echo: false
}

export type PublicationItem = Publication | EchoMark

/** Publications that are missing, in their place in the order. */
export interface Gap {
  /** The last position before what is missing. */
  readonly from: Position
  /** Where the order goes on: what comes next comes after this position. */
  readonly to: Position
  readonly reason: GapReason
  /** How many publications are missing; null when that cannot be known. */
  readonly missed: number | null
}

/** One presence entry: one client in one channel. */
export interface Member {
  /** Names this entry in this channel; stable while the same client reconnects. */
  readonly member: string
  readonly user: string | null
  readonly data: JsonValue
  /** Milliseconds since 1970 by the server's clock. */
  readonly enteredAt: number
}

// ── commands: client to server, each with an `id` (a positive integer, unused by the session's unanswered commands)

/** Must be the first command of a session. */
export interface ConnectCommand {
  readonly type: 'connect'
  readonly id: number
  /** What the server's `authenticate` or keys turn into a user. */
  readonly token?: string
  /** A secret random string, the same for every connection of one client: keeps retries and presence across reconnects. */
  readonly client?: string
}

export interface Rewind {
  /** At most this many of the latest publications. */
  readonly count?: number
  /** Only publications at most this old, in milliseconds by the server's clock. */
  readonly ageMs?: number
}

export interface SubscribeCommand {
  readonly type: 'subscribe'
  readonly id: number
  readonly channel: string
  /** Tells apart several subscriptions of one session to one channel: 0 (default) to 15. */
  readonly sub?: number
  /** Resume after this position. Not together with `rewind`. Neither: live from now. */
  readonly from?: Position
  readonly rewind?: Rewind
  readonly policy?: SlowPolicy
  /** Also push who is present, and changes of it. */
  readonly presence?: boolean
}

export interface UnsubscribeCommand {
  readonly type: 'unsubscribe'
  readonly id: number
  readonly channel: string
  readonly sub?: number
}

export interface PublishCommand {
  readonly type: 'publish'
  readonly id: number
  readonly channel: string
  readonly data: PublicationData
  /** The publication's id. A retry carries the same one. Absent: the server makes one, and a retry would publish again. */
  readonly publicationId?: string
  readonly key?: string
  readonly tags?: Tags
  /** false: this session's own subscriptions get an echo mark in its place. */
  readonly echo?: boolean
  /**
   * For a repeat: the server must not store it later than this many milliseconds after it sent `connected`, but answer
   * `unavailable`. So a network that holds the command up cannot bring it when its id is forgotten. Default: no bound.
   */
  readonly withinMs?: number
}

export interface HistoryCommand {
  readonly type: 'history'
  readonly id: number
  readonly channel: string
  /** Default 'forward'. A page is always in its direction's order: 'backward' gives the newest first. */
  readonly direction?: 'forward' | 'backward'
  /** Exclusive: forward gives what comes after it, backward what comes before it. */
  readonly from?: Position
  /** In place of `from`: forward gives publications at or after this time, backward those before it (ms since 1970). */
  readonly at?: number
  /** Default 100, at most `limits.maxHistoryPage`. */
  readonly limit?: number
}

export interface PresenceCommand {
  readonly type: 'presence'
  readonly id: number
  readonly channel: string
  readonly action: 'enter' | 'update' | 'leave' | 'get'
  /** With 'enter' and 'update'. */
  readonly data?: JsonValue
}

/** Brings the next token of the same user before the one in use expires. */
export interface RefreshCommand {
  readonly type: 'refresh'
  readonly id: number
  readonly token: string
}

export interface PingCommand {
  readonly type: 'ping'
  readonly id: number
}

export type Command =
  | ConnectCommand
  | SubscribeCommand
  | UnsubscribeCommand
  | PublishCommand
  | HistoryCommand
  | PresenceCommand
  | RefreshCommand
  | PingCommand

export type CommandType = Command['type']

// ── replies: one for each command, carrying its `id`

export interface ConnectedReply {
  readonly type: 'connected'
  readonly id: number
  readonly session: string
  readonly user: string | null
  /** The server's clock, milliseconds since 1970. */
  readonly time: number
  /** A client that has heard nothing for this long should send `ping`. */
  readonly pingIntervalMs: number
  /** How long after its first sending an unacknowledged publish may be retried with the same id. */
  readonly retryWindowMs: number
  readonly limits: AnnouncedLimits
}

export interface AnnouncedLimits {
  readonly maxFrameBytes: number
  readonly maxPayloadBytes: number
  readonly maxSubscriptions: number
  readonly maxHistoryPage: number
}

export interface SubscribedReply {
  readonly type: 'subscribed'
  readonly id: number
  readonly channel: string
  readonly sub?: number
  /** Where the subscription starts: pushes give everything after it. */
  readonly position: Position
}

export interface UnsubscribedReply {
  readonly type: 'unsubscribed'
  readonly id: number
  readonly channel: string
  readonly sub?: number
}

export interface PublishedReply {
  readonly type: 'published'
  readonly id: number
  readonly position: Position
  readonly offset: number
  readonly time: number
  readonly publicationId: string
  readonly durability: Durability
  /** true: this id was published before; the fields are the first one's. */
  readonly duplicate?: true
}

export interface HistoryReply {
  readonly type: 'history'
  readonly id: number
  readonly channel: string
  readonly publications: readonly Publication[]
  /** What is missing before the page's first publication, in the page's direction. */
  readonly gap?: Gap
  /** `from` of the next page in the same direction. */
  readonly position: Position
  /** Whether the next page has publications now. */
  readonly more: boolean
}

export interface PresenceReply {
  readonly type: 'presence'
  readonly id: number
  readonly channel: string
  /** With 'get': everyone in the channel. */
  readonly members?: readonly Member[]
  /** With 'enter': the entry's own name. */
  readonly member?: string
}

/** The session goes on with the new token; subscriptions that lost their right were ended before this. */
export interface RefreshedReply {
  readonly type: 'refreshed'
  readonly id: number
}

export interface PongReply {
  readonly type: 'pong'
  readonly id: number
}

/** The command failed and changed nothing, unless its code says otherwise; the connection lives. */
export interface ErrorReply {
  readonly type: 'error'
  readonly id: number
  readonly code: ErrorCode
  readonly message: string
  /** Whether the same command may succeed later. */
  readonly retryable: boolean
}

export type Reply =
  | ConnectedReply
  | SubscribedReply
  | UnsubscribedReply
  | PublishedReply
  | HistoryReply
  | PresenceReply
  | RefreshedReply
  | PongReply
  | ErrorReply

// ── pushes: sent unasked, without `id`

export interface PublicationsPush {
  readonly type: 'publications'
  readonly channel: string
  readonly sub?: number
  /** In log order, at least one. */
  readonly publications: readonly PublicationItem[]
}

export interface GapPush extends Gap {
  readonly type: 'gap'
  readonly channel: string
  readonly sub?: number
}

/** The subscription has everything that was stored when it was made or resumed; what follows is live. */
export interface CaughtUpPush {
  readonly type: 'caught-up'
  readonly channel: string
  readonly sub?: number
  readonly position: Position
}

/** Everyone in the channel: the first thing after `subscribed` with `presence: true`, and again whenever changes were dropped. */
export interface MembersPush {
  readonly type: 'members'
  readonly channel: string
  readonly sub?: number
  readonly members: readonly Member[]
}

export interface MemberPush {
  readonly type: 'member'
  readonly channel: string
  readonly sub?: number
  readonly change: 'entered' | 'updated' | 'left'
  readonly member: Member
}

/** The server ended a subscription. */
export interface SubscriptionEndedPush {
  readonly type: 'subscription-ended'
  readonly channel: string
  readonly sub?: number
  readonly code: ErrorCode
  readonly message: string
  readonly retryable: boolean
}

/** The session's token is about to expire: `refresh` brings the next one. Sent again while none comes. */
export interface TokenExpiringPush {
  readonly type: 'token-expiring'
  /** The connection closes with 4005 after that. */
  readonly expiresInMs: number
}

export type Push =
  | PublicationsPush
  | GapPush
  | CaughtUpPush
  | MembersPush
  | MemberPush
  | SubscriptionEndedPush
  | TokenExpiringPush

export type ServerMessage = Reply | Push
