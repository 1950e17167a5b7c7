import { createHash } from 'node:crypto'
import { PROTOCOL_LIMITS } from '@tidings/protocol'
import { decodeProtectedHeader, errors, jwtVerify, type JWTVerifyOptions } from 'jose'
import type { Clock } from '../../clock.js'
import type { Claims, TokenOptions } from '../../options.js'
import { RemoteKeys } from './remote-keys.js'
import { type Algorithm, importKeys, isAlgorithm, type VerificationKey } from './token-keys.js'
import { isCanonical, namesOfText, nameOfSigned } from './token-name.js'
import { refuse, type TokenCheck, type TokenRefusal, type TokenRefusalCode } from './token-refusal.js'
import { VerifiedCache } from './verified-cache.js'
import { type LifetimeRules, readClaims, type VerifiedToken } from './verified-token.js'

export const DEFAULT_LIFETIME: LifetimeRules = {
  requireExpiry: true,
  maxLifetimeMs: 7 * 86_400_000,
  clockToleranceMs: 5000,
}

export interface TokenVerifierParts {
  readonly clock: Clock
  /** Told why the keys at `jwks` could not be fetched. */
  readonly failed: (why: string) => void
}

interface Header {
  readonly algorithm: Algorithm
  readonly keyId: string | undefined
}

/**
 * Checks tokens: signed JWTs (RFC 7519) in their compact form. The key decides about the algorithm, never the token's
 * header, which only helps to find the key; its `kid` is compared with the keys' ids and nothing else. Signatures are
 * checked by WebCrypto, whose HMAC comparison takes the same time wherever the difference is. Tokens that hold are cached by
 * their whole text, which has one form only.
 */
export class TokenVerifier {
  readonly #options: TokenOptions
  readonly #clock: Clock
  readonly #lifetime: LifetimeRules
  readonly #keys: Promise<readonly VerificationKey[]>
  readonly #remote: RemoteKeys | undefined
  readonly #cache = new VerifiedCache()

  /** The options must have been checked. */
  constructor(options: TokenOptions, { clock, failed }: TokenVerifierParts) {
    const { requireExpiry, maxLifetimeMs, clockToleranceMs } = { ...DEFAULT_LIFETIME, ...options }
    this.#options = options
    this.#clock = clock
    this.#lifetime = { requireExpiry, maxLifetimeMs, clockToleranceMs }
    this.#keys = importKeys(options.keys ?? [])
    this.#remote =
      options.jwks === undefined
        ? undefined
        : new RemoteKeys({
            url: options.jwks,
            monotonic: () => clock.monotonic(),
            failed,
            // A key may have been taken back.
            changed: () => this.#cache.clear(),
          })
  }

  /** How long a token may hold at most, the clock tolerance included. */
  get longestLifetimeMs(): number {
    return this.#lifetime.maxLifetimeMs + 2 * this.#lifetime.clockToleranceMs
  }

  get clockToleranceMs(): number {
    return this.#lifetime.clockToleranceMs
  }

  /** Fetches the keys at `jwks` ahead of the first token. */
  async warm(): Promise<void> {
    await this.#remote?.refresh()
  }

  /** Never rejects for what stands in the token. */
  async verify(text: string): Promise<TokenCheck<VerifiedToken>> {
    if (text.length > PROTOCOL_LIMITS.maxTokenLength) return refuse('token-malformed', 'it is too long')
    this.#remote?.refreshWhenOld()
    const fingerprint = createHash('sha256').update(text).digest('base64url')
    const cached = this.#cache.get(fingerprint)
    if (cached !== undefined) return this.#check(cached)
    const header = readHeader(text)
    if ('kind' in header) return header
    const candidates = await this.#candidates(header)
    if ('kind' in candidates) return candidates
    const { version } = this.#cache
    const signed = await this.#verifyWith(text, candidates.keys)
    // Signed by none of our own, and perhaps by one that cannot be fetched now.
    if (signed === undefined) return candidates.isComplete ? refuse('token-signature') : UNDECIDED
    if (!('claims' in signed)) return signed
    const names = { signed: nameOfSigned(text), former: namesOfText(text, header.algorithm) }
    const token = readClaims(signed.claims, names, this.#lifetime, this.#clock.now())
    if ('kind' in token) return token
    this.#cache.set(fingerprint, token, text.length, version)
    return { kind: 'verified', token }
  }

  #check(token: VerifiedToken): TokenCheck<VerifiedToken> {
    return token.endsAtMs > this.#clock.now() ? { kind: 'verified', token } : refuse('token-expired')
  }

  async #candidates({ algorithm, keyId }: Header): Promise<Candidates | TokenRefusal | typeof UNDECIDED> {
    const own = (await this.#keys).filter((key) => key.algorithm === algorithm)
    const named = own.filter(({ id }) => id !== undefined && id === keyId)
    if (named.length > 0) return { keys: named, isComplete: true }
    const unnamed = own.filter(({ id }) => id === undefined || keyId === undefined)
    if (this.#remote === undefined || algorithm === 'HS256') {
      if (own.length === 0) return refuse('token-algorithm')
      return unnamed.length > 0 ? { keys: unnamed, isComplete: true } : refuse('token-unknown-key')
    }
    const remote = await this.#remote.find(
      (key) => key.algorithm === algorithm && (keyId === undefined || key.id === keyId),
    )
    if (remote === 'undecided') return unnamed.length > 0 ? { keys: unnamed, isComplete: false } : UNDECIDED
    if (keyId === undefined && remote.length > 1) return refuse('token-unknown-key', 'it has no kid to choose one by')
    const keys = [...unnamed, ...remote]
    return keys.length > 0 ? { keys, isComplete: true } : refuse('token-unknown-key')
  }

  /** undefined: none of the keys signed it. */
  async #verifyWith(
    text: string,
    keys: readonly VerificationKey[],
  ): Promise<{ readonly claims: Claims } | TokenRefusal | undefined> {
    const { issuer, audience } = this.#options
    for (const { key, algorithm } of keys) {
      const options: JWTVerifyOptions = {
        algorithms: [algorithm],
        currentDate: new Date(this.#clock.now()),
        clockTolerance: this.#lifetime.clockToleranceMs / 1000,
        ...(issuer === undefined ? undefined : { issuer: [issuer].flat() }),
        ...(audience === undefined ? undefined : { audience: [audience].flat() }),
      }
      try {
        return { claims: (await jwtVerify(text, key, options)).payload }
      } catch (error) {
        if (error instanceof errors.JWSSignatureVerificationFailed) continue
        return refusalOf(error)
      }
    }
    return undefined
  }
}

const UNDECIDED = { kind: 'undecided', message: 'the keys of tokens cannot be fetched now' } as const

interface Candidates {
  readonly keys: readonly VerificationKey[]
  /** false: another one may be at the address, which could not be asked. */
  readonly isComplete: boolean
}

const readHeader = (text: string): Header | TokenRefusal => {
  if (text.split('.', 4).length !== 3) return refuse('token-malformed')
  if (!isCanonical(text)) return refuse('token-malformed', 'its base64url has padding, whitespace or stray bits')
  try {
    const { alg, kid } = decodeProtectedHeader(text)
    if (!isAlgorithm(alg)) return refuse('token-algorithm')
    return { algorithm: alg, keyId: typeof kid === 'string' ? kid : undefined }
  } catch {
    return refuse('token-malformed')
  }
}

/** What jose found. Its own sentences may quote the token, so only its codes are used. */
const refusalOf = (error: unknown): TokenRefusal => {
  if (error instanceof errors.JWTExpired) return refuse('token-expired')
  if (error instanceof errors.JWTClaimValidationFailed) {
    const code = CLAIMS.get(error.claim)
    return code === undefined ? refuse('token-malformed') : refuse(code)
  }
  // Anything else is not the token's doing.
  if (error instanceof errors.JOSEError) return refuse('token-malformed')
  throw error
}

const CLAIMS: ReadonlyMap<string, TokenRefusalCode> = new Map([
  ['nbf', 'token-not-yet-valid'],
  ['aud', 'token-audience'],
  ['iss', 'token-issuer'],
] as const)
