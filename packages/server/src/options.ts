import type { KeyObject } from 'node:crypto'
import type { Contract, ParamsOf, PatternOf } from '@tidings/contract'
import type { Backend } from './backend/backend.js'
import type { Clock } from './clock.js'
import type { LimitsOption } from './limits/profiles.js'
import type { Logger } from './observe/logger.js'
import type { PublicJwk } from './public-jwk.js'

/** Who a session belongs to. `id` is what others see as the publisher; more fields are the application's own. */
export interface User {
  /** 1 to 128 characters. */
  readonly id: string
  readonly [field: string]: unknown
}

/** The content of a token whose signature, times, issuer and audience were checked. */
export type Claims = Readonly<Record<string, unknown>>

/** What `authenticate` decides on: the handshake (header names in lower case) and what the client brought. */
export interface AuthenticateRequest {
  /** Empty when it is a refresh: the handshake's are not kept, and the token alone must say who it is. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** Path and query of the handshake. */
  readonly url: string
  /** Where the client comes from: the connection's address, or what `trustedProxies` say it is. */
  readonly remoteAddress: string
  /** Of the connect or refresh command, else of the handshake's header `Authorization: Bearer …`. */
  readonly token: string | undefined
  /** The token's, where `tokens` is set: a token that does not hold never gets here. */
  readonly claims: Claims | undefined
}

/**
 * Gives the user, null for an anonymous one, or false to refuse: the client is told `unauthorized` and stays away. What
 * it throws is logged, and the client tries again later: a database that is away refuses nobody for good.
 */
export type Authenticate = (request: AuthenticateRequest) => Identified | Promise<Identified>

export type Identified = User | null | false

export type Action = 'subscribe' | 'publish' | 'history' | 'presence' | 'create'

export interface AccessRequest<Params = Readonly<Record<string, string>>> {
  readonly user: User | null
  readonly params: Params
  readonly channel: string
  /** Of the user's token, where `tokens` is set. */
  readonly claims: Claims | undefined
}

/**
 * A rule as plain data, for configurations in JSON. `user`: the user's id is this text. `claim`: the token's claim of this
 * name is `has`, or a list with it; without `has` it is exactly true. In `user` and `has`, `{name}` stands for that
 * parameter of the pattern. A list of rules allows what any of them allows.
 */
export type DeclaredRule =
  | boolean
  | 'authenticated'
  | { readonly user: string }
  | { readonly claim: string; readonly has?: string }
  | readonly DeclaredRule[]

/** A function must answer exactly true to allow. */
export type AccessRule<Params = Readonly<Record<string, string>>> =
  | DeclaredRule
  | ((request: AccessRequest<Params>) => boolean | Promise<boolean>)

/**
 * What neither a rule nor the token allows is forbidden, and a rule that is `false` forbids whatever tokens say. `history`
 * follows `subscribe` unless it has a rule of its own. `create` is asked when a client is the first to subscribe or publish to a channel
 * that has no stored publications, members or subscribers; it follows `publish`, or `subscribe` where clients may not publish. A subscription that rewinds needs `history` too, one that asks who
 * is present `presence`.
 */
export type ChannelAccess<Params = Readonly<Record<string, string>>> = Readonly<
  Partial<Record<Action, AccessRule<Params>>>
>

export type AccessRules<App extends Contract> = {
  readonly [Source in PatternOf<App>]?: ChannelAccess<ParamsOf<Source>>
}

/** One key that tokens are signed with. Its kind says which algorithm it is for, and it is used for no other. */
export type TokenKey = {
  /** The `kid` of the tokens that it signed. Without one it is tried for every token of its algorithm. */
  readonly id?: string
} & (
  | {
      /** HS256: at least 32 bytes. A string stands for its UTF-8. */
      readonly secret: string | Uint8Array
    }
  | {
      /** RS256 (RSA, at least 2048 bits), ES256 (P-256) or EdDSA (Ed25519): PEM, a JSON Web Key or a KeyObject. */
      readonly publicKey: string | PublicJwk | KeyObject
    }
)

/** How tokens are checked: signed JWTs whose `sub` is the user's id. */
export interface TokenOptions {
  /** At most 16. */
  readonly keys?: readonly TokenKey[]
  /** The address of a JSON Web Key Set: https, or http on this machine. Needs `issuer` or `audience`. */
  readonly jwks?: string
  /** `iss` must be one of these. Default: not looked at. */
  readonly issuer?: string | readonly string[]
  /** `aud` must name one of these. Default: not looked at. */
  readonly audience?: string | readonly string[]
  /** Whether a client without a token is let in, as nobody. Default false. `authenticate` decides where there is one. */
  readonly anonymous?: boolean
  /** false: a token may do without `exp`; it then ends `maxLifetimeMs` after `iat`. Default true. */
  readonly requireExpiry?: boolean
  /** A token that holds for longer than this is refused; so long are revocations kept. Default 7 days. */
  readonly maxLifetimeMs?: number
  /** How far the clocks of issuer and server may be apart. Default 5000. */
  readonly clockToleranceMs?: number
}

/** Defaults have room for a person with a page and many tabs. The profile `load-test` has larger ones. */
export interface Limits {
  /** Connections of the node; one more is refused with HTTP 503. Default 50000. */
  readonly maxConnections: number
  /**
   * Connections from one IPv4 address or one IPv6 /64; one more is refused with HTTP 429. Loopback is not counted: what
   * comes from there is a proxy or the machine's own. Default 10000: many people share an
   * address.
   */
  readonly maxConnectionsPerAddress: number
  /** Connections of one user; one more closes with 4006. Anonymous clients are nobody's. Default 100. */
  readonly maxConnectionsPerUser: number
  /**
   * HTTP requests, handshakes included, from one IPv4 address or one IPv6 /64: this many a second … Default 200. More are
   * answered 429 `rate-limited`. Counted where `limitSockets` is called. From loopback and from `trustedProxies` only a
   * request counts that is sent before the one before it was answered, which no proxy does.
   */
  readonly requestsPerSecond: number
  /** … after this many at once. Default 10000. */
  readonly requestBurst: number
  /** Largest frame a client may send, in bytes. Default 131072. */
  readonly maxFrameBytes: number
  /** Fragments of one WebSocket frame. Default 1024. */
  readonly maxFragments: number
  /** Largest data of one publication, in bytes of JSON or of bytes. Default 65536. */
  readonly maxPayloadBytes: number
  /** Largest presence data of one member, in bytes of JSON. Default 1024. */
  readonly maxPresenceBytes: number
  /** Subscriptions and entered channels of one session. Default 200. */
  readonly maxSubscriptions: number
  /** Publications of one history page. Default 1000. */
  readonly maxHistoryPage: number
  /** Commands of one session that may be unanswered before it is not read from. Default 1024. */
  readonly maxCommandsInFlight: number
  /**
   * Bytes that one user may send a second, over all connections … Default 262144. Over it the connections are not read from for
   * a while, and nothing is lost. Each frame and each command counts 256 bytes more than it has.
   */
  readonly bytesPerSecond: number
  /** … after this many at once. Default 1048576. */
  readonly bytesBurst: number
  /**
   * Publications of clients to one channel: this many a second … Default 500. More are answered `rate-limited`. While several
   * publish, one user gets a quarter of it. The contract can set another rate for the channels of a pattern.
   */
  readonly publishesPerSecond: number
  /** … after this many at once. Default 2000. */
  readonly publishBurst: number
  /** Commands other than publish and ping of one user, over all connections: this many a second … Default 50. */
  readonly commandsPerSecond: number
  /** … after this many at once. Default 500. */
  readonly commandBurst: number
  /**
   * Bytes of history pages, of what subscriptions catch up with, and of member lists that one user may read a second, over
   * all connections … Default 2097152. Over it subscriptions catch up later, and history commands wait for up to five seconds or are
   * answered `rate-limited`.
   */
  readonly historyBytesPerSecond: number
  /** … after this many at once. Default 16777216. */
  readonly historyBytesBurst: number
  /** How often one user may be let in: this many a second … Default 10. One more is told to come back later (4007). */
  readonly connectsPerSecond: number
  /** … after this many at once. Default 300. */
  readonly connectBurst: number
  /**
   * Handshakes from one IPv4 address or IPv6 /64: this many a second … Default 500. One more is refused with HTTP 429. Many people
   * share an address, so the burst has room for all of them to come back at once.
   */
  readonly handshakesPerSecond: number
  /** … after this many at once. Default 20000. */
  readonly handshakeBurst: number
  /**
   * Tokens from one IPv4 address or IPv6 /64 that do not hold: this many a second … Default 100. Beyond it clients from there that
   * bring one are told to come back later (4007). One that holds costs nothing.
   */
  readonly failedTokensPerSecond: number
  /** … after this many at once. Default 5000. */
  readonly failedTokenBurst: number
  /**
   * All anonymous clients of one IPv4 address or IPv6 /64 together may use as much as this many users: commands, bytes and history.
   * Default 50.
   */
  readonly usersPerAddress: number
  /** Bytes that may wait for a slow connection before its subscriptions stop being queued for. Default 131072. */
  readonly maxBufferedBytes: number
  /**
   * Bytes that a connection's peer may not have read yet, in whatever buffer they are, before its subscriptions stop being
   * queued for. Default 524288.
   */
  readonly maxUnreadBytes: number
  /**
   * Bytes that may wait for the slow connections of the node in all. Beyond it those for which most waits are ended; they
   * come back and resume. Default 1073741824.
   */
  readonly maxOutboundBytes: number
  /**
   * Memory for the presence entries of all clients, in bytes; more are refused `overloaded`. One user may have a quarter of it. Default
   * 268435456.
   */
  readonly maxPresenceTotalBytes: number
  /** How long a connection may take until its connect command succeeded. Default 10000. */
  readonly connectDeadlineMs: number
}

export const DEFAULT_LIMITS: Limits = {
  maxConnections: 50_000,
  maxConnectionsPerAddress: 10_000,
  maxConnectionsPerUser: 100,
  requestsPerSecond: 200,
  requestBurst: 10_000,
  maxFrameBytes: 131_072,
  maxFragments: 1024,
  maxPayloadBytes: 65_536,
  maxPresenceBytes: 1024,
  maxSubscriptions: 200,
  maxHistoryPage: 1000,
  maxCommandsInFlight: 1024,
  bytesPerSecond: 262_144,
  bytesBurst: 1_048_576,
  publishesPerSecond: 500,
  publishBurst: 2000,
  commandsPerSecond: 50,
  commandBurst: 500,
  historyBytesPerSecond: 2_097_152,
  historyBytesBurst: 16_777_216,
  connectsPerSecond: 10,
  connectBurst: 300,
  handshakesPerSecond: 500,
  handshakeBurst: 20_000,
  failedTokensPerSecond: 100,
  failedTokenBurst: 5000,
  usersPerAddress: 50,
  maxBufferedBytes: 131_072,
  maxUnreadBytes: 524_288,
  maxOutboundBytes: 1_073_741_824,
  maxPresenceTotalBytes: 268_435_456,
  connectDeadlineMs: 10_000,
}

export interface Heartbeat {
  /** A connection from which nothing came for this long is pinged. Default 20000. */
  readonly intervalMs: number
  /** One from which nothing came for this long is closed with 4001. Default 35000. */
  readonly deadlineMs: number
}

export const DEFAULT_HEARTBEAT: Heartbeat = { intervalMs: 20_000, deadlineMs: 35_000 }

export interface TrustedProxies {
  /** Addresses and ranges. */
  readonly addresses: readonly string[]
  /**
   * `x-forwarded-for` (the default), with `X-Forwarded-Proto` for the scheme, or `forwarded` (RFC 7239), whose `proto` is the scheme.
   */
  readonly header?: 'x-forwarded-for' | 'forwarded' | undefined
}

export interface TidingsOptions<App extends Contract = Contract> {
  /** Which channels exist. May be left out under `dev` only. */
  readonly contract?: App
  readonly backend: Backend
  /** How the tokens that clients bring are checked. This or `authenticate` is needed, unless under `dev`. */
  readonly tokens?: TokenOptions
  /** Decides who a client is. Default with `tokens`: the user whom the token names. */
  readonly authenticate?: Authenticate
  /** What users may do, by pattern of the contract. */
  readonly allow?: AccessRules<App>
  /**
   * For development on one machine: tokens are plain user names, channels outside the contract exist with default rules,
   * what `allow` does not mention is allowed; only loopback, own Host and own Origin get in. Default false.
   */
  readonly dev?: boolean
  /**
   * Origins of pages that may connect besides pages of the server's own host: `scheme://host` or `scheme://host:port`, such as
   * `https://app.example` or `capacitor://localhost`. A page without TLS of a host that is known to have TLS must be listed too.
   */
  readonly origins?: readonly string[]
  /**
   * Names under which pages reach this server, without ports, such as `live.example.com`; a page of another host is refused
   * though it asks that host, because a name that somebody else owns may be pointed at this server (DNS rebinding).
   * Needed where clients are let in without a token. Default: any name.
   */
  readonly hosts?: readonly string[]
  /**
   * Proxies that are believed about where a client comes from: addresses and ranges such as `10.0.0.0/8` or `::1`. They are believed
   * in one header, which each of them must set or append to itself; other forwarding headers are ignored, because a client may have
   * written them. Whoever comes through a trusted proxy counts in limits per address, also where the header is missing. Default none.
   */
  readonly trustedProxies?: readonly string[] | TrustedProxies
  /**
   * Whether permessage-deflate is used with clients that offer it. Publications are compressed once for all of them; what
   * they send must be inflated one by one. Default false.
   */
  readonly compression?: boolean
  /** A profile's name, or limits that differ from its own. Default: the profile `default`, under `dev` `load-test`. */
  readonly limits?: LimitsOption
  readonly heartbeat?: Partial<Heartbeat>
  /** How long a member stays present when its connection broke without a goodbye. Default 5000. */
  readonly presenceGraceMs?: number
  /** Default: `jsonLogger`, which writes lines of JSON on standard error, refused clients included. */
  readonly logger?: Logger
  readonly clock?: Clock
}
