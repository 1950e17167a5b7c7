import { createPublicKey, type JsonWebKey, KeyObject, webcrypto } from 'node:crypto'
import type { TokenKey } from '../../options.js'

export type Algorithm = 'HS256' | 'RS256' | 'ES256' | 'EdDSA'

const ALGORITHMS: readonly string[] = ['HS256', 'RS256', 'ES256', 'EdDSA'] satisfies readonly Algorithm[]

export const isAlgorithm = (value: unknown): value is Algorithm =>
  typeof value === 'string' && ALGORITHMS.includes(value)

/** A key with the one algorithm that it is used for: a token's header never chooses how a key is read. */
export interface VerificationKey {
  readonly id: string | undefined
  readonly algorithm: Algorithm
  readonly key: KeyObject | webcrypto.CryptoKey
}

const MIN_SECRET_BYTES = 32
const MIN_RSA_BITS = 2048

/** What a public key is for, or a sentence part that says why it is for nothing here. */
export const algorithmOf = (key: KeyObject): { readonly algorithm: Algorithm } | string => {
  const { asymmetricKeyType, asymmetricKeyDetails: details } = key
  if (asymmetricKeyType === 'rsa') {
    const isLong = (details?.modulusLength ?? 0) >= MIN_RSA_BITS
    return isLong ? { algorithm: 'RS256' } : `is an RSA key of less than ${MIN_RSA_BITS} bits`
  }
  if (asymmetricKeyType === 'ec') {
    return details?.namedCurve === 'prime256v1' ? { algorithm: 'ES256' } : 'is not on the curve P-256'
  }
  if (asymmetricKeyType === 'ed25519') return { algorithm: 'EdDSA' }
  return 'is neither an RSA, a P-256 nor an Ed25519 key'
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

/** The public half of PEM, a JSON Web Key or a KeyObject; a string says why it is none. */
export const publicKeyOf = (value: unknown): KeyObject | string => {
  try {
    if (value instanceof KeyObject) return value.type === 'private' ? createPublicKey(value) : ofType(value)
    if (typeof value === 'string') return createPublicKey(value)
    if (isObject(value)) return createPublicKey({ key: value as JsonWebKey, format: 'jwk' })
  } catch {
    // Said below.
  }
  return 'must be a public key: PEM, a JSON Web Key or a KeyObject'
}

const ofType = (key: KeyObject): KeyObject | string =>
  key.type === 'public' ? key : 'must be a public key, and not a secret'

/** Says what is wrong with a key of the options, after its path; undefined: nothing. */
export const tokenKeyProblem = (value: unknown): string | undefined => {
  if (!isObject(value) || Array.isArray(value)) return ' must be an object with secret or publicKey'
  const extra = Object.keys(value).find((name) => !['id', 'secret', 'publicKey'].includes(name))
  if (extra !== undefined) return `.${extra} is not an option; options here are id, secret, publicKey`
  const { id, secret, publicKey } = value as { id?: unknown; secret?: unknown; publicKey?: unknown }
  if (id !== undefined && (typeof id !== 'string' || id === '')) return '.id must be a text'
  if ((secret === undefined) === (publicKey === undefined)) return ' must have either secret or publicKey'
  return secret === undefined ? publicKeyProblem(publicKey) : secretProblem(secret)
}

const publicKeyProblem = (value: unknown): string | undefined => {
  const key = publicKeyOf(value)
  const algorithm = typeof key === 'string' ? key : algorithmOf(key)
  return typeof algorithm === 'string' ? `.publicKey ${algorithm}` : undefined
}

const secretProblem = (value: unknown): string | undefined => {
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) return '.secret must be a text or bytes'
  const bytes = Buffer.from(value)
  if (bytes.length < MIN_SECRET_BYTES) return `.secret must have at least ${MIN_SECRET_BYTES} bytes`
  // A public key as an HMAC secret: everybody could sign.
  return bytes.includes('-----BEGIN') ? '.secret is a key in PEM: give it as publicKey' : undefined
}

/** Imports keys that `tokenKeyProblem` found nothing wrong with. */
export const importKeys = (keys: readonly TokenKey[]): Promise<readonly VerificationKey[]> =>
  Promise.all(
    keys.map(async (key): Promise<VerificationKey> => {
      if ('secret' in key) {
        const hmac = { name: 'HMAC', hash: 'SHA-256' }
        const imported = await webcrypto.subtle.importKey('raw', Buffer.from(key.secret), hmac, false, ['verify'])
        return { id: key.id, algorithm: 'HS256', key: imported }
      }
      const publicKey = publicKeyOf(key.publicKey)
      const found = typeof publicKey === 'string' ? publicKey : algorithmOf(publicKey)
      if (typeof publicKey === 'string' || typeof found === 'string') throw new TypeError('the keys were not checked')
      return { id: key.id, algorithm: found.algorithm, key: publicKey }
    }),
  )
