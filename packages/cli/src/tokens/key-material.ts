import { createPrivateKey, createPublicKey, type JsonWebKey, KeyObject } from 'node:crypto'
import type { TokenKey } from '@tidings/server'

/** A key as it was given: what it can do, and the id that its tokens carry. */
export interface KeyMaterial {
  readonly id: string | undefined
  readonly key: { readonly kind: 'secret'; readonly secret: Uint8Array } | AsymmetricKey
}

interface AsymmetricKey {
  /** `private` can sign too. */
  readonly kind: 'private' | 'public'
  readonly key: KeyObject
}

type Read = { readonly key: KeyMaterial['key']; readonly id?: string | undefined }

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const asymmetric = (key: KeyObject): AsymmetricKey => ({ kind: key.type === 'private' ? 'private' : 'public', key })

const readPem = (text: string): AsymmetricKey | string => {
  try {
    return asymmetric(text.includes('PRIVATE KEY-----') ? createPrivateKey(text) : createPublicKey(text))
  } catch {
    return 'is PEM that cannot be read: a public key or a private one without a passphrase is needed'
  }
}

const readJwk = (jwk: Readonly<Record<string, unknown>>): Read | string => {
  const id = typeof jwk.kid === 'string' ? jwk.kid : undefined
  if (Array.isArray(jwk.keys)) return 'is a set of keys: give one of them, or the address of the set as tokens.jwks'
  if (jwk.kty === 'oct' && typeof jwk.k === 'string') {
    return { id, key: { kind: 'secret', secret: Buffer.from(jwk.k, 'base64url') } }
  }
  try {
    const input = { key: jwk as JsonWebKey, format: 'jwk' } as const
    return { id, key: asymmetric('d' in jwk ? createPrivateKey(input) : createPublicKey(input)) }
  } catch {
    return 'is no JSON Web Key that can be read'
  }
}

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A key's text: PEM, a JSON Web Key, or else a secret. A string says what is wrong with it. */
export const readKeyText = (text: string): Read | string => {
  const trimmed = text.trim()
  if (trimmed.includes('-----BEGIN')) {
    const key = readPem(trimmed)
    return typeof key === 'string' ? key : { key }
  }
  if (!trimmed.startsWith('{')) return { key: { kind: 'secret', secret: Buffer.from(trimmed) } }
  const jwk = parseJson(trimmed)
  return isObject(jwk) ? readJwk(jwk) : 'is no JSON Web Key that can be read'
}

/** The `publicKey` of a configuration, which may be private here: PEM, a JSON Web Key or a KeyObject. */
export const readPublicKey = (value: unknown): Read | string => {
  if (value instanceof KeyObject) return { key: asymmetric(value) }
  const read = typeof value === 'string' ? readKeyText(value) : isObject(value) ? readJwk(value) : 'is no key'
  return typeof read !== 'string' && read.key.kind === 'secret' ? 'is a secret: give it as secret' : read
}

/** What the server needs of it: of a private key the public half. */
export const serverKey = ({ id, key }: KeyMaterial): TokenKey => ({
  ...(id === undefined ? undefined : { id }),
  ...(key.kind === 'secret'
    ? { secret: key.secret }
    : { publicKey: key.kind === 'private' ? createPublicKey(key.key) : key.key }),
})
