import type { Identity } from '../session/session.js'
import type { VerifiedToken } from './tokens/verified-token.js'

/** A token that a session was let in with. */
export interface SessionToken {
  readonly name: string
  /** Milliseconds since 1970. */
  readonly endsAtMs: number
  /** false: `maxLifetimeMs` ends it, which may be raised at the next start. */
  readonly hasExpiry: boolean
}

/** A session is refreshed when its token is about to end, so nobody needs more that hold at once. */
const MAX_TOKENS = 16

export const TOO_MANY_TOKENS = `the session has ${MAX_TOKENS} tokens that have not expired; try again when one has`

const sessionToken = ({ name, claims, endsAtMs }: VerifiedToken): SessionToken => ({
  name,
  endsAtMs,
  hasExpiry: claims.exp !== undefined,
})

type Tokens = Pick<Identity, 'token' | 'earlierTokens'>

/** The tokens that a session was let in with and that have not expired. */
export const tokensOf = ({ token, earlierTokens = [] }: Tokens, nowMs: number): readonly SessionToken[] =>
  [...(token === undefined ? [] : [sessionToken(token)]), ...earlierTokens].filter(({ endsAtMs }) => endsAtMs > nowMs)

/**
 * The tokens that a session must remember beside its next one: a revocation of the session revokes them all. undefined: they are
 * too many.
 */
export const earlierThan = (
  next: VerifiedToken | undefined,
  tokens: Tokens,
  nowMs: number,
): readonly SessionToken[] | undefined => {
  const earlier = tokensOf(tokens, nowMs).filter(({ name }) => name !== next?.name)
  return earlier.length < MAX_TOKENS ? earlier : undefined
}
