import { createHash } from 'node:crypto'
import { isRecord } from '@tidings/protocol'
import type { Backend, Watch } from '../backend/backend.js'
import { nameOfId, type VerifiedToken } from './tokens/verified-token.js'

/** Whom or what to lock out: a user, one session with the token it came with, or one token by its `jti`. */
export type Revocation = { readonly user: string } | { readonly session: string } | { readonly token: string }

/** A revocation as it is kept and told: `token` is a token's name. */
export type Target = Revocation

const PREFIX = 'revoked/'
const SUBJECT = 'revocations'
const SWEEP_INTERVAL_MS = 3_600_000

interface Entry {
  /** Tokens issued up to then are refused; milliseconds since 1970. */
  readonly at: number
  /** From then on no token is left that it could refuse. */
  readonly until: number
}

export interface RevocationsParts {
  readonly backend: Pick<Backend, 'state' | 'bus'>
  readonly now: () => number
  /** How long a token holds at most: so long an entry is kept. */
  readonly keptMs: number
  readonly clockToleranceMs: number
  /** The name of the token that a session of this node came with. */
  readonly tokenOf: (session: string) => string | undefined
  /** Ends this node's sessions of the target, and says how many there were. */
  readonly end: (target: Target) => number
  readonly failed: (error: unknown) => void
}

/**
 * What was revoked. The backend's `State` holds it, so it survives restarts and every node reads the same; the bus tells
 * the other nodes to end their sessions. An entry goes when every token that it could refuse has expired.
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

  /** Rises with each revocation. Whoever decided by what was revoked decides again if it rose meanwhile. */
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
   * be kept or not; with TypeError for what is no revocation.
   */
  async revoke(revocation: Revocation): Promise<number> {
    if (!isRevocation(revocation)) throw new TypeError('revoke takes one of { user }, { session } and { token }')
    if ('token' in revocation) return this.#revoke({ token: nameOfId(revocation.token) })
    if ('user' in revocation) return this.#revoke(revocation)
    const token = this.#parts.tokenOf(revocation.session)
    return this.#revoke(token === undefined ? revocation : { token })
  }

  /** Whether a token was revoked, itself or with the user it is for. Rejects with BackendError. */
  async isRevoked({ name, issuedAtMs }: VerifiedToken, userId: string): Promise<boolean> {
    const [user, token] = await Promise.all([this.#read('user', userId), this.#read('token', name)])
    if (token !== undefined) return true
    // Without a time of issue it cannot show that it is newer.
    return user !== undefined && (issuedAtMs ?? 0) <= user.at + this.#parts.clockToleranceMs
  }

  /** Forgets entries that can refuse nothing any more. */
  async sweep(): Promise<void> {
    const { backend, now } = this.#parts
    for (const { key, value } of await backend.state.list(PREFIX)) {
      const entry = parseEntry(value)
      if (entry === undefined || entry.until <= now()) await backend.state.delete(key)
    }
  }

  async #revoke(target: Target): Promise<number> {
    if ('user' in target) await this.#keep('user', target.user)
    if ('token' in target) await this.#keep('token', target.token)
    const ended = this.#apply(target)
    await this.#parts.backend.bus.publish(SUBJECT, Buffer.from(JSON.stringify(target)))
    return ended
  }

  /** Only the node that has the session knows its token. */
  #heard(target: Target): void {
    const token = 'session' in target ? this.#parts.tokenOf(target.session) : undefined
    if (token === undefined) this.#apply(target)
    else void this.#revoke({ token }).catch(this.#parts.failed)
  }

  #apply(target: Target): number {
    this.#count += 1
    return this.#parts.end(target)
  }

  #keep(kind: 'user' | 'token', name: string): Promise<void> {
    const at = this.#parts.now()
    const entry: Entry = { at, until: at + this.#parts.keptMs }
    return this.#parts.backend.state.set(keyOf(kind, name), Buffer.from(JSON.stringify(entry)))
  }

  async #read(kind: 'user' | 'token', name: string): Promise<Entry | undefined> {
    const value = await this.#parts.backend.state.get(keyOf(kind, name))
    const entry = value === undefined ? undefined : parseEntry(value)
    return entry !== undefined && entry.until > this.#parts.now() ? entry : undefined
  }
}

/** Of one length and alphabet, whatever users are called. */
const keyOf = (kind: 'user' | 'token', name: string): string =>
  `${PREFIX}${kind}/${createHash('sha256').update(name).digest('base64url')}`

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
