import { randomUUID, type KeyObject } from 'node:crypto'
import { SignJWT } from 'jose'
import type { KeyMaterial } from './key-material.js'

/** Who an operator is called unless a name is given. */
export const OPERATOR = 'operator'

export interface TokenContent {
  readonly user: string
  readonly expiresInMs: number
  /** Actions by pattern; undefined: none, the rules decide. */
  readonly allow: Readonly<Record<string, readonly string[]>> | undefined
  /** Good for an operator's requests in place of connecting; then it allows nothing on channels. */
  readonly isOperator: boolean
  readonly issuer: string | undefined
  readonly audience: string | undefined
  /** Further claims. */
  readonly claims: Readonly<Record<string, unknown>>
  /** `jti`; default: random, so that the token can be revoked. */
  readonly id: string | undefined
}

export interface MadeToken {
  readonly text: string
  readonly id: string
}

/** The algorithm of a private key; undefined: none that the server knows. */
const algorithmOf = (key: KeyObject): string | undefined => {
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return 'RS256'
    case 'ec':
      return 'ES256'
    case 'ed25519':
      return 'EdDSA'
    default:
      return undefined
  }
}

export const canSign = ({ key }: KeyMaterial): boolean => key.kind !== 'public'

/** Signs a token. Throws when the key cannot sign. */
export const makeToken = async (
  content: TokenContent,
  { id: keyId, key }: KeyMaterial,
  nowMs: number,
): Promise<MadeToken> => {
  const algorithm = key.kind === 'secret' ? 'HS256' : algorithmOf(key.key)
  if (algorithm === undefined) throw new TypeError('the key is neither an RSA, a P-256 nor an Ed25519 key')
  const { user, expiresInMs, allow, isOperator, issuer, audience, claims, id = randomUUID() } = content
  const issuedAt = Math.floor(nowMs / 1000)
  const payload = {
    ...claims,
    ...(isOperator ? { tidings: { operator: true } } : allow === undefined ? undefined : { tidings: { allow } }),
    ...(issuer === undefined ? undefined : { iss: issuer }),
    ...(audience === undefined ? undefined : { aud: audience }),
    sub: user,
    jti: id,
    iat: issuedAt,
    exp: issuedAt + Math.ceil(expiresInMs / 1000),
  }
  const text = await new SignJWT(payload)
    .setProtectedHeader({ alg: algorithm, typ: 'JWT', ...(keyId === undefined ? undefined : { kid: keyId }) })
    .sign(key.kind === 'secret' ? key.secret : key.key)
  return { text, id }
}
