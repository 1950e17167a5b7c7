import type { Contract, ParamsOf, PatternOf } from '@tidings/contract'
import type { Backend } from './backend/backend.js'
import type { Clock } from './clock.js'
import type { Logger } from './observe/logger.js'

/** Who a session belongs to. `id` is what others see as the publisher; more fields are the application's own. */
export interface User {
  /** 1 to 128 characters. */
  readonly id: string
  readonly [field: string]: unknown
}

/** What `authenticate` decides on: the handshake (header names in lower case) and the token of the connect command. */
export interface AuthenticateRequest {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** Path and query of the handshake. */
  readonly url: string
  readonly remoteAddress: string
  readonly token: string | undefined
}

/**
 * Gives the user, null for an anonymous one, or false to refuse: the client is told `unauthorized` and stays away. What
 * it throws is logged, and the client tries again later: a database that is away refuses nobody for good.
 */
export type Authenticate = (request: AuthenticateRequest) => Identified | Promise<Identified>

export type Identified = User | null | false

export type Action = 'subscribe' | 'publish' | 'history' | 'presence'

export interface AccessRequest<Params = Readonly<Record<string, string>>> {
  readonly user: User | null
  readonly params: Params
  readonly channel: string
}

export type AccessRule<Params = Readonly<Record<string, string>>> =
  | boolean
  | ((request: AccessRequest<Params>) => boolean | Promise<boolean>)

/** What is not allowed here is forbidden. `history` follows `subscribe` unless it has a rule of its own. */
export type ChannelAccess<Params = Readonly<Record<string, string>>> = Readonly<
  Partial<Record<Action, AccessRule<Params>>>
>

export type AccessRules<App extends Contract> = {
  readonly [Source in PatternOf<App>]?: ChannelAccess<ParamsOf<Source>>
}

export interface Limits {
  /** Largest frame a client may send, in bytes. Default 131072. */
  readonly maxFrameBytes: number
  /** Fragments of one WebSocket frame. Default 16384. */
  readonly maxFragments: number
  /** Largest data of one publication, in bytes of JSON or of bytes. Default 65536. */
  readonly maxPayloadBytes: number
  /** Largest presence data of one member, in bytes of JSON. Default 4096. */
  readonly maxPresenceBytes: number
  /** Subscriptions and entered channels of one session. Default 1000. */
  readonly maxSubscriptions: number
  /** Publications of one history page. Default 1000. */
  readonly maxHistoryPage: number
  /** Commands of one session that may be unanswered before it is not read from. Default 1024. */
  readonly maxCommandsInFlight: number
  /** Commands other than publish and ping: this many a second … Default 500. */
  readonly commandsPerSecond: number
  /** … after this many at once. Default 2000. */
  readonly commandBurst: number
  /** Bytes that may wait for a slow connection before its subscriptions stop being queued for. Default 131072. */
  readonly maxBufferedBytes: number
  /**
   * Bytes that a connection's peer may not have read yet, in whatever buffer they are, before its subscriptions stop being
   * queued for. Default 524288.
   */
  readonly maxUnreadBytes: number
  /** How long a connection may take until its connect command succeeded. Default 10000. */
  readonly connectDeadlineMs: number
}

export const DEFAULT_LIMITS: Limits = {
  maxFrameBytes: 131_072,
  maxFragments: 16_384,
  maxPayloadBytes: 65_536,
  maxPresenceBytes: 4096,
  maxSubscriptions: 1000,
  maxHistoryPage: 1000,
  maxCommandsInFlight: 1024,
  commandsPerSecond: 500,
  commandBurst: 2000,
  maxBufferedBytes: 131_072,
  maxUnreadBytes: 524_288,
  connectDeadlineMs: 10_000,
}

export interface Heartbeat {
  /** A connection from which nothing came for this long is pinged. Default 20000. */
  readonly intervalMs: number
  /** One from which nothing came for this long is closed with 4001. Default 35000. */
  readonly deadlineMs: number
}

export const DEFAULT_HEARTBEAT: Heartbeat = { intervalMs: 20_000, deadlineMs: 35_000 }

export interface TidingsOptions<App extends Contract = Contract> {
  /** Which channels exist. May be left out under `dev` only. */
  readonly contract?: App
  readonly backend: Backend
  /** Default: everybody is anonymous. */
  readonly authenticate?: Authenticate
  /** What users may do, by pattern of the contract. */
  readonly allow?: AccessRules<App>
  /**
   * For development on one machine: tokens are plain user names, channels outside the contract exist with default rules,
   * what `allow` does not mention is allowed; only loopback, own Host and own Origin get in. Default false.
   */
  readonly dev?: boolean
  /** Origins of pages that may connect besides pages of the server's own host, such as `https://app.example`. */
  readonly origins?: readonly string[]
  /**
   * Whether permessage-deflate is used with clients that offer it. Publications are compressed once for all of them; what
   * they send must be inflated one by one. Default false.
   */
  readonly compression?: boolean
  readonly limits?: Partial<Limits>
  readonly heartbeat?: Partial<Heartbeat>
  /** How long a member stays present when its connection broke without a goodbye. Default 5000. */
  readonly presenceGraceMs?: number
  /** Default: warnings and errors as lines of JSON on standard error. */
  readonly logger?: Logger
  readonly clock?: Clock
}
