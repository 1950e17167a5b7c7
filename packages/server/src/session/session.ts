import { createHash } from 'node:crypto'
import { randomId } from '../random-id.js'
import { type RunningTimeout, setRunningTimeout } from '../running-timeout.js'
import {
  type Codec,
  type DisconnectCode,
  DISCONNECT_CODES,
  mayReconnect,
  parseCommand,
  type Reply,
} from '@tidings/protocol'
import type { SessionToken } from '../access/session-tokens.js'
import type { VerifiedToken } from '../access/tokens/verified-token.js'
import type { Account } from '../limits/account.js'
import type { Actor } from '../observe/observer.js'
import type { Limits, User } from '../options.js'
import { type Connection, type ConnectionHandler, ITEM_COST_BYTES } from '../transport/transport.js'
import { errorReply } from './errors.js'
import { CommandQueue, type Dispatch } from './command-queue.js'
import { Freshness, type FreshnessRules } from './freshness.js'
import type { HeldSubscription } from './held-subscription.js'
import { isTooDeep } from './json-depth.js'
import type { RateLimit } from '../limits/rate-limit.js'

/** Who a session speaks for, once its connect command succeeded. A refresh replaces it. */
export interface Identity {
  readonly user: User | null
  /** undefined: no token was checked. */
  readonly token: VerifiedToken | undefined
  /** Those before it that have not expired; undefined: the session was never refreshed. */
  readonly earlierTokens?: readonly SessionToken[]
  /** Whose publication ids these are: the user's, or an anonymous client's own. */
  readonly scope: string
  /** The client's secret, or the session's id for one that has none. */
  readonly client: string
  /** What the session uses is charged to it. */
  readonly account: Account
}

/** Names the session's presence entries: the same for a client that reconnects. Made when asked for: most enter nothing. */
export const memberOf = ({ scope, client }: Identity): string =>
  createHash('sha256').update(`${scope}\0${client}`).digest('base64url').slice(0, 16)

export interface SessionListener {
  /** Once: its connect took longer than it may. It ends now. */
  late(session: Session): void
  /** It is ended for what its peer did or failed to do. */
  refused(session: Session, code: string, why?: string): void
  /** Once: nothing is handled or sent any more. `clean`: the client will not come back for this session's sake. */
  ended(session: Session, clean: boolean): void
  /** Once, after `ended`: the connection is gone. */
  closed(session: Session): void
}

const NONE: ReadonlySet<string> = new Set()

/** Codes by which the server ends a session because of what its peer did or failed to do. */
const REFUSALS: readonly number[] = [1003, 4002, 4003, 4500]

const decode = (codec: Codec, frame: string | Uint8Array): readonly unknown[] | undefined =>
  typeof frame === 'string' && isTooDeep(frame) ? undefined : codec.decode(frame)

/**
 * The server's state of one connected client. Frames become commands, handled in the order they came; replies and pushes
 * leave through the connection's outbound. It ends with its connection, and never throws what the peer caused.
 */
export class Session implements ConnectionHandler {
  readonly id = randomId(9)
  readonly connection: Connection
  /** By `sub` and channel. */
  readonly subscriptions = new Map<string, HeldSubscription>()
  /** How many of `subscriptions` are being set up. */
  settingUp = 0
  /** Of commands, for an anonymous client. */
  readonly rateLimit: RateLimit
  readonly #queue: CommandQueue
  readonly #freshness: Freshness
  readonly #monotonic: () => number
  #connectedAtMs = Infinity
  readonly #listener: SessionListener
  #connectTimer: RunningTimeout | undefined
  #entered: Set<string> | undefined
  #identity: Identity | undefined
  #ended = false

  constructor(
    connection: Connection,
    limits: Limits,
    dispatch: Dispatch,
    rateLimit: RateLimit,
    freshness: FreshnessRules,
    listener: SessionListener,
  ) {
    this.connection = connection
    this.#listener = listener
    this.rateLimit = rateLimit
    this.#freshness = new Freshness(freshness)
    this.#monotonic = freshness.monotonic
    this.#queue = new CommandQueue(this, dispatch, limits.maxCommandsInFlight)
    const late = (): void => {
      listener.late(this)
      this.disconnect(4003)
    }
    this.#connectTimer = setRunningTimeout(late, limits.connectDeadlineMs, { ref: false })
  }

  get identity(): Identity | undefined {
    return this.#identity
  }

  /** Whose doing it is, for the log. */
  get actor(): Actor {
    const { remoteAddress, origin } = this.connection.handshake
    return { user: this.#identity?.user?.id, session: this.id, remoteAddress, origin }
  }

  /** Monotonic time at which its connect command succeeded: not later than the client can know. */
  get connectedAtMs(): number {
    return this.#connectedAtMs
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Commands other than connect are let through from now on, as this identity. */
  identify(identity: Identity): void {
    this.#endConnecting()
    // Another token of the same session changes nothing of how it is read from.
    if (this.#identity === undefined) {
      this.connection.known(identity.account.bytes)
      this.#connectedAtMs = this.#monotonic()
    }
    this.#identity = identity
  }

  /** Channels in whose presence the session entered. */
  get entered(): ReadonlySet<string> {
    return this.#entered ?? NONE
  }

  enter(channel: string): void {
    this.#entered ??= new Set()
    this.#entered.add(channel)
  }

  leave(channel: string): void {
    this.#entered?.delete(channel)
  }

  frame(data: Buffer, isText: boolean): void {
    const sentAfterMs = this.#arrived()
    if (sentAfterMs === undefined) return
    const { codec } = this.connection
    const wantsText = codec.subprotocol.endsWith('.json')
    if (isText !== wantsText) return this.#close(1003, wantsText ? 'text frames only' : 'binary frames only')
    const decoded = decode(codec, isText ? data.toString() : data)
    if (decoded === undefined) return this.disconnect(4500)
    if (decoded.length > 1) this.connection.spend((decoded.length - 1) * ITEM_COST_BYTES)
    for (const item of decoded) {
      const parsed = parseCommand(item)
      if (parsed.ok) this.#queue.push({ command: parsed.command, sentAfterMs })
      else if (parsed.id === null) return this.disconnect(4500)
      else this.#queue.push({ reply: errorReply(parsed.id, parsed.code, parsed.message) })
    }
  }

  controlFrame(): void {
    this.#arrived()
  }

  /** Returns the bytes that it sent. */
  reply(reply: Reply): number {
    return this.#ended ? 0 : this.connection.outbound.send(reply)
  }

  /** Says why with a close code of the protocol; the connection ends when the peer answers or the deadline passes. */
  disconnect(code: DisconnectCode): void {
    this.#close(code, DISCONNECT_CODES[code])
  }

  disconnectSlow(): void {
    this.disconnect(4002)
  }

  broken(why: string): void {
    if (!this.#ended) this.#listener.refused(this, DISCONNECT_CODES[4500], why)
  }

  closed(clean: boolean): void {
    this.#end(clean)
    this.#listener.closed(this)
  }

  /** When the frame before arrived. undefined: what comes now must not be handled. Ends the session if it is too old. */
  #arrived(): number | undefined {
    if (this.#ended) return undefined
    const sentAfterMs = this.#freshness.arrived()
    if (sentAfterMs === undefined) this.disconnect(4001)
    return sentAfterMs
  }

  #close(code: number, reason: string): void {
    if (!this.#ended && REFUSALS.includes(code)) this.#listener.refused(this, reason)
    this.connection.close(code, reason)
    this.#end(!mayReconnect(code))
  }

  #end(clean: boolean): void {
    if (this.#ended) return
    this.#ended = true
    this.#endConnecting()
    this.#queue.end()
    this.#listener.ended(this, clean)
  }

  #endConnecting(): void {
    this.#connectTimer?.clear()
    this.#connectTimer = undefined
  }
}
