import { createHash } from 'node:crypto'
import { isRecord } from '@tidings/protocol'
import type { Backend, Watch } from '../backend/backend.js'
import type { SessionToken } from './session-tokens.js'
import { nameOfId } from './tokens/token-name.js'
import type { VerifiedToken } from './tokens/verified-token.js'

/** Whom or what to lock out: a user, one session with its tokens, or one token by its `jti`. */
export type Revocation = { readonly user: string } | { readonly session: string } | { readonly token: string }

/** A revocation as it is told to other nodes: `token` is a token's name. */
export type Target = Revocation

const SUBJECT = 'revocations'
const SWEEP_INTERVAL_MS = 3_600_000
/** Tokens hold a little longer when `clockToleranceMs` is raised between two starts. */
const SLACK_MS = 600_000

/**
 * Records of users and of tokens by their `jti` stay for good: nobody can say when the last token ends that they refuse. A token
 * whose `exp` is too far away, or whose `iat` lies in the future, is refused today and would be taken once the record were gone.
 * A session was let in with its tokens, so it is known when those end; their records are swept then.
 */
type Kind = 'user' | 'token' | 'session-token'

interface Entry {
  /** Tokens of the user that were issued up to then are refused; milliseconds since 1970. */
  readonly at: number
  /** From then on a session's token is refused by its own `exp`. For other kinds only earlier versions, which need it, read it. */
  readonly until: number
}

export interface RevocationsParts {
  readonly backend: Pick<Backend, 'state' | 'bus'>
  readonly now: () => number
  /** How long a token holds at most. undefined: the node checks no tokens, so there is nothing to keep. */
  readonly longestLifetimeMs: number | undefined
  readonly clockToleranceMs: number
  /** The tokens that a session of this node was let in with and that have not ended. */
  readonly tokensOf: (session: string) => readonly SessionToken[]
  /** Ends this node's sessions of the target, and says how many there were. */
  readonly end: (target: Target) => number
  readonly failed: (error: unknown) => void
}

/**
 * Keeps revocations. The backend's `State` holds them, so they survive restarts and every node reads the same; the bus tells the
 * other nodes to end their sessions.
 */
export class Revocations {
  readonly #parts: RevocationsParts
  readonly #timer: NodeJS.Timeout
  #watch: Watch | undefined
  #count = 0
  #closed = false

  constructor(parts: RevocationsParts) {
    this.#parts = parts
    this.#timer = setInterval(() => void this.sweep().catch(parts.failed), SWEEP_INTERVAL_MS)
    this.#timer.unref()
  }

  /** Rises with each revocation. A decision that was made meanwhile must be made again. */
  get count(): number {
    return this.#count
  }

  /** Hears of other nodes' revocations, and forgets what is over. Call once the backend is open. */
  async start(): Promise<void> {
    const watch = await this.#parts.backend.bus.subscribe(SUBJECT, (bytes) => {
      const target = parseTarget(bytes)
      if (target !== undefined) this.#heard(target)
    })
    if (this.#closed) watch.stop()
    this.#watch = watch
    await this.sweep()
  }

  close(): void {
    this.#closed = true
    clearInterval(this.#timer)
    this.#watch?.stop()
  }

  /**
   * Resolves with the number of this node's sessions that it ended, once it is kept. Rejects with BackendError, and then may
   * be kept or not; with TypeError for a value that is not a revocation.
   */
  async revoke(revocation: Revocation): Promise<number> {
    if (!isRevocation(revocation)) throw new TypeError('revoke takes one of { user }, { session } and { token }')
    if ('session' in revocation) return this.#revokeSession(revocation.session)
    if ('user' in revocation) {
      await this.#keep('user', revocation.user)
      return this.#tell([revocation])
    }
    const name = nameOfId(revocation.token)
    await this.#keep('token', name)
    return this.#tell([{ token: name }])
  }

  /** Whether a token was revoked, itself or with the user it is for. Rejects with BackendError. */
  async isRevoked({ name, formerNames, issuedAtMs }: VerifiedToken, userId: string): Promise<boolean> {
    const [user, ...others] = await Promise.all([
      this.#read('user', userId),
      this.#read('session-token', name),
      ...[name, ...formerNames].map((each) => this.#read('token', each)),
    ])
    if (others.some((entry) => entry !== undefined)) return true
    // A token without a time of issue cannot show that it is newer.
    return user !== undefined && (issuedAtMs ?? Number.NEGATIVE_INFINITY) <= user.at + this.#parts.clockToleranceMs
  }

  /** Forgets the tokens of revoked sessions once they have expired. */
  async sweep(): Promise<void> {
    const { backend, now } = this.#parts
    for (const { key, value } of await backend.state.list(prefixOf('session-token'))) {
      const entry = parseEntry(value)
      if (entry === undefined || entry.until <= now()) await backend.state.delete(key)
    }
  }

  /** The session may be refreshed while its tokens are kept, so they are asked for until there are no more of them. */
  async #revokeSession(session: string): Promise<number> {
    const names = new Set<string>()
    const unkept = () => this.#parts.tokensOf(session).filter(({ name }) => !names.has(name))
    for (let tokens = unkept(); tokens.length > 0; tokens = unkept()) {
      await Promise.all(
        tokens.map(({ name, endsAtMs, hasExpiry }) =>
          this.#keep('session-token', name, hasExpiry ? endsAtMs : Number.MAX_SAFE_INTEGER),
        ),
      )
      for (const { name } of tokens) names.add(name)
    }
    if (names.size === 0) return this.#tell([{ session }])
    return this.#apply({ session }) + (await this.#tell([...names].map((token) => ({ token }))))
  }

  /** Ends the targets' sessions here at once, and at the other nodes when they hear of it. */
  async #tell(targets: readonly Target[]): Promise<number> {
    const ended = targets.map((target) => this.#apply(target)).reduce((sum, count) => sum + count, 0)
    const { bus } = this.#parts.backend
    await Promise.all(targets.map((target) => bus.publish(SUBJECT, Buffer.from(JSON.stringify(target)))))
    return ended
  }

  /** Only the node that has the session knows its tokens. */
  #heard(target: Target): void {
    const isKnown = 'session' in target && this.#parts.tokensOf(target.session).length > 0
    if (isKnown) void this.#revokeSession(target.session).catch(this.#parts.failed)
    else this.#apply(target)
  }

  #apply(target: Target): number {
    this.#count += 1
    return this.#parts.end(target)
  }

  async #keep(kind: Kind, name: string, endsAtMs = 0): Promise<void> {
    const { backend, now, longestLifetimeMs } = this.#parts
    if (longestLifetimeMs === undefined) return
    const at = now()
    const until = Math.min(Math.max(at + longestLifetimeMs, endsAtMs) + SLACK_MS, Number.MAX_SAFE_INTEGER)
    const entry: Entry = { at, until }
    await backend.state.set(keyOf(kind, name), Buffer.from(JSON.stringify(entry)))
  }

  async #read(kind: Kind, name: string): Promise<Entry | undefined> {
    const value = await this.#parts.backend.state.get(keyOf(kind, name))
    return value === undefined ? undefined : parseEntry(value)
  }
}

const prefixOf = (kind: Kind): string => `revoked/${kind}/`

/** Every key has one length and alphabet, whatever users are called. */
const keyOf = (kind: Kind, name: string): string =>
  `${prefixOf(kind)}${createHash('sha256').update(name).digest('base64url')}`

export const isRevocation = (value: unknown): value is Revocation => {
  const [only, ...more] = isRecord(value) ? Object.entries(value) : []
  if (only === undefined || more.length > 0) return false
  return ['user', 'session', 'token'].includes(only[0]) && typeof only[1] === 'string' && only[1] !== ''
}

const parseJson = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(Buffer.from(bytes).toString())
  } catch {
    return undefined
  }
}

const parseTarget = (bytes: Uint8Array): Target | undefined => {
  const value = parseJson(bytes)
  return isRevocation(value) ? value : undefined
}

const parseEntry = (bytes: Uint8Array): Entry | undefined => {
  const value = parseJson(bytes)
  return isRecord(value) && typeof value.at === 'number' && typeof value.until === 'number'
    ? { at: value.at, until: value.until }
    : undefined
}
