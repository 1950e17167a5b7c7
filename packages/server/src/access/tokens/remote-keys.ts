import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { isRecord } from '@tidings/protocol'
import { setRunningTimeout } from '../../running-timeout.js'
import { algorithmOf, type VerificationKey } from './token-keys.js'

/** Not more often is the address asked, whatever keys tokens name. */
const COOLDOWN_MS = 10_000
/** Keys older than this are fetched again, in the background. */
const FRESH_MS = 600_000
const TIMEOUT_MS = 5000
const MAX_BYTES = 262_144
const MAX_KEYS = 100

export interface RemoteKeysParts {
  readonly url: string
  readonly monotonic: () => number
  /** Told why a fetch failed. */
  readonly failed: (why: string) => void
  /** The set is another one from now on. */
  readonly changed: () => void
}

/**
 * The keys at the address of a JSON Web Key Set (RFC 7517). They are fetched when the first is needed and again when they
 * are old or a token names one that is not there: one fetch at a time, and at most one within ten seconds. While the
 * address is away the keys that were fetched stay in use.
 */
export class RemoteKeys {
  readonly #parts: RemoteKeysParts
  #keys: readonly VerificationKey[] = []
  #text = ''
  #fetching: Promise<void> | undefined
  #triedAt = Number.NEGATIVE_INFINITY
  #fetchedAt = Number.NEGATIVE_INFINITY

  constructor(parts: RemoteKeysParts) {
    this.#parts = parts
  }

  /** Those that fit; fetched anew when none does. 'undecided': the address may have one that could not be asked for now. */
  async find(fits: (key: VerificationKey) => boolean): Promise<readonly VerificationKey[] | 'undecided'> {
    const askedAt = this.#parts.monotonic()
    const known = this.#keys.filter(fits)
    if (known.length > 0) return known
    await this.refresh()
    const found = this.#keys.filter(fits)
    // Only a set that was fetched after the token came proves that its key is not there.
    return found.length > 0 || this.#fetchedAt >= askedAt ? found : 'undecided'
  }

  /** In the background: the keys that are there stay in use meanwhile. */
  refreshWhenOld(): void {
    if (this.#parts.monotonic() - this.#fetchedAt > FRESH_MS) void this.refresh()
  }

  /** Fetches, unless that was tried just now. Never rejects. */
  refresh(): Promise<void> {
    if (this.#fetching !== undefined) return this.#fetching
    const startedAt = this.#parts.monotonic()
    if (startedAt - this.#triedAt < COOLDOWN_MS) return Promise.resolve()
    this.#triedAt = startedAt
    this.#fetching = this.#fetch()
      .then((text) => {
        this.#use(text)
        this.#fetchedAt = startedAt
      })
      .catch((error: unknown) => this.#parts.failed(whyOf(error)))
      .finally(() => {
        this.#fetching = undefined
      })
    return this.#fetching
  }

  async #fetch(): Promise<string> {
    const abort = new AbortController()
    const late = (): void => abort.abort(new Error(`it did not answer within ${TIMEOUT_MS / 1000} seconds`))
    const timer = setRunningTimeout(late, TIMEOUT_MS, { ref: false })
    try {
      return await this.#fetchUntil(abort.signal)
    } finally {
      timer.clear()
    }
  }

  async #fetchUntil(signal: AbortSignal): Promise<string> {
    const headers = { accept: 'application/jwk-set+json, application/json' }
    const response = await fetch(this.#parts.url, { redirect: 'error', headers, signal })
    if (!response.ok) {
      await response.body?.cancel()
      throw new Error(`it answered with status ${response.status}`)
    }
    return readBounded(response)
  }

  #use(text: string): void {
    if (text === this.#text) return
    this.#keys = parseKeySet(text)
    this.#text = text
    this.#parts.changed()
  }
}

const readBounded = async (response: Response): Promise<string> => {
  const chunks: Uint8Array[] = []
  let bytes = 0
  // Leaving the loop early ends the connection.
  for await (const chunk of response.body ?? []) {
    bytes += (chunk as Uint8Array).length
    if (bytes > MAX_BYTES) throw new Error(`its answer has more than ${MAX_BYTES} bytes`)
    chunks.push(chunk as Uint8Array)
  }
  return Buffer.concat(chunks).toString()
}

/** What cannot be used here is left out: a set may hold keys for other purposes. Throws when it is no set. */
const parseKeySet = (text: string): readonly VerificationKey[] => {
  const set: unknown = JSON.parse(text)
  const keys: unknown = isRecord(set) ? set.keys : undefined
  if (!Array.isArray(keys)) throw new Error('its answer is no JSON Web Key Set')
  if (keys.length > MAX_KEYS) throw new Error(`it has more than ${MAX_KEYS} keys`)
  return keys.flatMap((jwk) => importPublic(jwk) ?? [])
}

const importPublic = (jwk: unknown): VerificationKey | undefined => {
  if (!isRecord(jwk) || jwk.kty === 'oct' || (jwk.use !== undefined && jwk.use !== 'sig')) return undefined
  if (Array.isArray(jwk.key_ops) && !jwk.key_ops.includes('verify')) return undefined
  try {
    const key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' })
    const found = algorithmOf(key)
    if (typeof found === 'string' || (jwk.alg !== undefined && jwk.alg !== found.algorithm)) return undefined
    return { id: typeof jwk.kid === 'string' ? jwk.kid : undefined, algorithm: found.algorithm, key }
  } catch {
    return undefined
  }
}

const whyOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof SyntaxError) return 'its answer is no JSON'
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
