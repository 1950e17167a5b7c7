import { createHmac, sign } from 'node:crypto'

/** What a node's tokens are signed with, known to whoever attacks his own node. */
export interface SigningKey {
  readonly algorithm: 'HS256' | 'RS256' | 'ES256' | 'EdDSA'
  /** The secret of HS256, or a private key in PEM form. */
  readonly key: string | Uint8Array
  /** The `kid` that tokens carry. */
  readonly kid?: string
  readonly audience?: string
  readonly issuer?: string
}

type Json = Readonly<Record<string, unknown>>

const HOUR_S = 3600

export const nowInSeconds = (): number => Math.floor(Date.now() / 1000)

const part = (value: Json | string): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** What is signed: any header over any claims. A text stands for itself, for JSON that objects cannot hold. */
export const signingInput = (header: Json | string, claims: Json | string): string => `${part(header)}.${part(claims)}`

/**
 * A token with any header, signed or not. Made by hand because libraries refuse, rightly, to make most of what an attacker
 * would send: empty secrets, public keys as secrets, an algorithm that is not the key's.
 */
export const forge = (header: Json | string, claims: Json | string, signature: (input: string) => Buffer): string => {
  const input = signingInput(header, claims)
  return `${input}.${signature(input).toString('base64url')}`
}

export const unsigned = (): Buffer => Buffer.alloc(0)

export const hmac =
  (secret: string | Uint8Array) =>
  (input: string): Buffer =>
    createHmac('sha256', secret).update(input).digest()

/** The signature that a key makes by its own algorithm. */
export const signatureOf =
  ({ algorithm, key }: SigningKey) =>
  (input: string): Buffer => {
    if (algorithm === 'HS256') return hmac(key)(input)
    const pem = typeof key === 'string' ? key : Buffer.from(key).toString()
    const bytes = Buffer.from(input)
    if (algorithm === 'RS256') return sign('sha256', bytes, pem)
    return algorithm === 'EdDSA'
      ? sign(null, bytes, pem)
      : sign('sha256', bytes, { key: pem, dsaEncoding: 'ieee-p1363' })
  }

/** Claims that the node would take, for an hour. `undefined` leaves one out. */
export const goodClaims = ({ audience, issuer }: SigningKey, sub: string, more: Json = {}): Json => ({
  sub,
  exp: nowInSeconds() + HOUR_S,
  ...(audience === undefined ? undefined : { aud: audience }),
  ...(issuer === undefined ? undefined : { iss: issuer }),
  ...more,
})

export const headerOf = ({ algorithm, kid }: SigningKey, more: Json = {}): Json => ({
  alg: algorithm,
  ...(kid === undefined ? undefined : { kid }),
  ...more,
})

/** A good token but for what is said. */
export const tokenOf = (signing: SigningKey, sub: string, claims: Json = {}, header: Json = {}): string =>
  forge(headerOf(signing, header), goodClaims(signing, sub, claims), signatureOf(signing))
