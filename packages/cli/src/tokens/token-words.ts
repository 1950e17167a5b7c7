import { decodeJwt, decodeProtectedHeader } from 'jose'
import type { TokenOptions, TokenRefusal } from '@tidings/server'

const SECOND_MS = 1000
const UNITS: readonly (readonly [string, number])[] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', SECOND_MS],
]

/** `3 hours`, `1 minute`: the largest unit that there is one of. */
export const durationWords = (ms: number): string => {
  const [name, unitMs] = UNITS.find(([, each]) => ms >= each) ?? ['second', SECOND_MS]
  const count = Math.floor(ms / unitMs)
  return `${count} ${name}${count === 1 ? '' : 's'}`
}

/** What the token says, unchecked: only to tell somebody about it. */
interface Said {
  readonly header: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>>
}

const read = (text: string): Said => {
  try {
    return { header: decodeProtectedHeader(text), claims: decodeJwt(text) }
  } catch {
    return { header: {}, claims: {} }
  }
}

const list = (value: string | readonly string[] | undefined): string => [value ?? []].flat().join(' or ')

const quoted = (value: unknown): string => {
  if (value === undefined) return 'missing'
  return typeof value === 'string' ? `'${value}'` : JSON.stringify(value)
}

/** One sentence: what is wrong with the token, and what to do. `nowMs` is the wall clock. */
export const refusalSentence = (
  { code, message }: TokenRefusal,
  text: string,
  options: TokenOptions,
  nowMs: number,
): string => {
  const { header, claims } = read(text)
  const sinceMs = (seconds: unknown): number => Math.abs(nowMs - Number(seconds) * SECOND_MS)
  const kid = header.kid === undefined ? 'names no key (kid)' : `names the key ${quoted(header.kid)}`
  switch (code) {
    case 'token-missing':
      return 'there is no token: give one'
    case 'token-malformed':
      return `${message}: it must be the three parts that an issuer gives, with dots between them and nothing around`
    case 'token-algorithm':
      return `its algorithm is ${quoted(header.alg)}, which goes with none of the keys here: sign with HS256, RS256, ES256 or EdDSA and add that key to tokens.keys`
    case 'token-unknown-key':
      return `it ${kid}, which is not known here: add the key to tokens.keys, or correct the kid`
    case 'token-signature':
      return 'its signature does not hold: it was signed with another key than the one here, or changed since'
    case 'token-expired':
      return `it expired ${durationWords(sinceMs(claims.exp ?? claims.iat))} ago: get a fresh one from its issuer`
    case 'token-not-yet-valid': {
      const seconds = Math.max(Number(claims.nbf ?? 0), Number(claims.iat ?? 0))
      return `it is valid only in ${durationWords(sinceMs(seconds))}: wait, or set the issuer’s clock right`
    }
    case 'token-lifetime':
      return `${message}: give it an exp that is nearer, or raise tokens.maxLifetimeMs`
    case 'token-audience':
      return `its audience (aud) is ${quoted(claims.aud)}, and tokens.audience is ${quoted(list(options.audience))}: make it for this server`
    case 'token-issuer':
      return `its issuer (iss) is ${quoted(claims.iss)}, and tokens.issuer is ${quoted(list(options.issuer))}: make it there`
    case 'token-subject':
      return `its subject (sub) is ${quoted(claims.sub)}: it must be the user's id, a text of 1 to 128 characters`
    case 'token-permissions':
      return `${message}: write { "tidings": { "allow": { "chat:{room}": ["subscribe", "publish"] } } }`
    case 'token-operator':
      return 'it is an operator’s, for `tidings revoke`: a client needs one of a user'
    case 'token-revoked':
      return 'it was revoked: get a fresh one from its issuer'
  }
}
