import { isRecord } from '@tidings/protocol'
import { Grants } from '../grants.js'
import { isUserId } from '../user-id.js'
import type { Claims } from '../../options.js'
import { nameOfId } from './token-name.js'
import { refuse, type TokenRefusal } from './token-refusal.js'

/** A token that holds, as far as it can be known without looking at revocations. */
export interface VerifiedToken {
  readonly userId: string
  readonly claims: Claims
  /** undefined: its permissions are what rules allow. */
  readonly grants: Grants | undefined
  /** It is good for an operator's requests, and for nothing else: it lets nobody connect. */
  readonly isOperator: boolean
  /** Names this token among revocations: by its `jti` if it has one, else by what was signed. */
  readonly name: string
  /** More names that its revocation may have in a data directory that an earlier version wrote. */
  readonly formerNames: readonly string[]
  /** Milliseconds since 1970; undefined: it does not say. */
  readonly issuedAtMs: number | undefined
  /** Milliseconds since 1970: from then on it is refused. The clock tolerance is in it. */
  readonly endsAtMs: number
}

export interface LifetimeRules {
  readonly requireExpiry: boolean
  readonly maxLifetimeMs: number
  readonly clockToleranceMs: number
}

/** An operator's token can lock everybody out, so one that got lost must not be good for long. */
const MAX_OPERATOR_LIFETIME_MS = 3_600_000

const milliseconds = (value: unknown): number | undefined => (typeof value === 'number' ? value * 1000 : undefined)

/** When a token ends, or why it may not: not to be revoked for longer than revocations are kept, it must end in time. */
const lifetimeOf = (
  claims: Claims,
  rules: LifetimeRules,
  nowMs: number,
): { readonly endsAtMs: number } | TokenRefusal => {
  const { requireExpiry, maxLifetimeMs, clockToleranceMs } = rules
  const issuedAtMs = milliseconds(claims.iat)
  const expiresAtMs = milliseconds(claims.exp)
  if (issuedAtMs !== undefined && issuedAtMs > nowMs + clockToleranceMs) {
    return refuse('token-not-yet-valid', 'its iat lies in the future')
  }
  if (expiresAtMs === undefined) {
    if (requireExpiry) return refuse('token-lifetime', 'it has no exp')
    if (issuedAtMs === undefined) return refuse('token-lifetime', 'it has neither exp nor iat')
    const endsAtMs = issuedAtMs + maxLifetimeMs + clockToleranceMs
    return endsAtMs > nowMs ? { endsAtMs } : refuse('token-expired')
  }
  if (expiresAtMs - (issuedAtMs ?? nowMs) > maxLifetimeMs) {
    return refuse('token-lifetime', 'it holds for longer than maxLifetimeMs')
  }
  return { endsAtMs: expiresAtMs + clockToleranceMs }
}

/** Names of a token that has no `jti`. */
export interface TokenNames {
  readonly signed: string
  readonly former: readonly string[]
}

/** Reads what jose has verified: the signature, `nbf`, `exp`, `iss` and `aud` hold. */
export const readClaims = (
  claims: Claims,
  names: TokenNames,
  rules: LifetimeRules,
  nowMs: number,
): VerifiedToken | TokenRefusal => {
  const lifetime = lifetimeOf(claims, rules, nowMs)
  if ('kind' in lifetime) return lifetime
  const { sub, jti, tidings } = claims
  if (!isUserId(sub)) return refuse('token-subject')
  const permissions = readPermissions(tidings)
  if (typeof permissions === 'string') return refuse('token-permissions', permissions)
  if (permissions.isOperator && !isShort(claims)) {
    return refuse('token-lifetime', 'an operator’s needs iat and exp, an hour apart at most')
  }
  return {
    userId: sub,
    claims,
    ...permissions,
    ...(typeof jti === 'string'
      ? { name: nameOfId(jti), formerNames: [] }
      : { name: names.signed, formerNames: names.former }),
    issuedAtMs: milliseconds(claims.iat),
    endsAtMs: lifetime.endsAtMs,
  }
}

const isShort = ({ iat, exp }: Claims): boolean => {
  const [issuedAtMs, expiresAtMs] = [milliseconds(iat), milliseconds(exp)]
  if (issuedAtMs === undefined || expiresAtMs === undefined) return false
  return expiresAtMs - issuedAtMs <= MAX_OPERATOR_LIFETIME_MS
}

type Permissions = Pick<VerifiedToken, 'grants' | 'isOperator'>

/**
 * `{ allow: { pattern: [action, …] } }` or `{ operator: true }`, and never both: what a user's token may hold makes no
 * operator of him. A string says what is wrong.
 */
const readPermissions = (tidings: unknown): Permissions | string => {
  if (tidings === undefined) return { grants: undefined, isOperator: false }
  if (!isRecord(tidings)) return 'it must be an object'
  const [entry, ...more] = Object.entries(tidings)
  if (entry === undefined || more.length > 0) return ONE_ENTRY
  const [name, value] = entry
  if (name === 'operator') return value === true ? { grants: undefined, isOperator: true } : ONE_ENTRY
  if (name !== 'allow') return ONE_ENTRY
  const grants = Grants.parse(value)
  return typeof grants === 'string' ? `its allow ${grants}` : { grants, isOperator: false }
}

const ONE_ENTRY = 'it must have allow and nothing else, or for an operator { operator: true }'
