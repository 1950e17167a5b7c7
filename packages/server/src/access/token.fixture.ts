import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { SignJWT } from 'jose'
import { type LocalNode, startNode, type StartNodeOptions } from '@tidings/testing'
import { memory } from '../backend/memory/index.js'
import { afterTest, type App, contract } from '../node.fixture.js'

export const SECRET = randomBytes(32)

interface KeyPair {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

/**
 * Not the very keys that were generated: Node 20 halts for good when what generated a key is collected while that key is
 * written as JSON Web Key, as jose does to sign with it, for both take the same lock.
 */
const copyOf = ({ publicKey, privateKey }: KeyPair): KeyPair => ({
  publicKey: createPublicKey(publicKey.export({ format: 'pem', type: 'spki' })),
  privateKey: createPrivateKey(privateKey.export({ format: 'pem', type: 'pkcs8' })),
})

export const newRsa = (): KeyPair => copyOf(generateKeyPairSync('rsa', { modulusLength: 2048 }))
export const newP256 = (): KeyPair => copyOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }))

export const rsa = newRsa()
export const p256 = newP256()
export const ed25519 = copyOf(generateKeyPairSync('ed25519'))

/** A clock that the test moves; the wall clock tells tokens' times. */
export class MovedClock {
  aheadMs = 0

  now(): number {
    return Date.now() + this.aheadMs
  }

  monotonic(): number {
    return performance.now() + this.aheadMs
  }
}

export interface TokenParts {
  readonly header?: Readonly<Record<string, unknown>>
  readonly key?: Uint8Array | KeyObject
  readonly algorithm?: string
}

/** Where tokens come from and go to, for nodes that look at it. */
export const ADDRESS = { iss: 'https://id.example', aud: 'tidings' } as const

const nowSeconds = (): number => Math.floor(Date.now() / 1000)

/** A token of `ann` for an hour, signed with SECRET; undefined takes a claim away. */
export const token = (
  claims: Readonly<Record<string, unknown>> = {},
  { header, key = SECRET, algorithm = 'HS256' }: TokenParts = {},
) =>
  new SignJWT({ ...ADDRESS, sub: 'ann', iat: nowSeconds(), exp: nowSeconds() + 3600, ...claims })
    .setProtectedHeader({ alg: algorithm, ...header })
    .sign(key)

/** Seconds from now, as tokens have it. */
export const inSeconds = (seconds: number): number => nowSeconds() + seconds

export const allowing = (permissions: Readonly<Record<string, readonly string[]>>) => ({
  tidings: { allow: permissions },
})

const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Any header with any claims and any signature. */
export const forged = (header: unknown, claims: unknown, signature = ''): string =>
  `${base64url(header)}.${base64url(claims)}.${signature}`

const ORDER_OF_P256 = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551')

/** The same ES256 token with its other valid signature: of (r, s) and (r, n - s) both hold. */
export const otherSignature = (text: string): string => {
  const [header, payload, signature = ''] = text.split('.')
  const bytes = Buffer.from(signature, 'base64url')
  const s = ORDER_OF_P256 - BigInt(`0x${bytes.toString('hex', 32)}`)
  const other = Buffer.concat([bytes.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')])
  return `${header}.${payload}.${other.toString('base64url')}`
}

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Texts that lenient decoders take for the same token. */
export const otherTexts = (text: string): readonly (readonly [string, string])[] => {
  const last = BASE64URL.indexOf(text.at(-1) ?? '')
  const [header = '', payload = '', signature = ''] = text.split('.')
  return [
    ['with another unused bit', text.slice(0, -1) + (BASE64URL[last ^ 1] ?? '')],
    ['with padding', `${text}=`],
    ['with more padding', `${text}==`],
    ['with a space behind', `${text} `],
    ['with a line end behind', `${text}\n`],
    ['with a space before', ` ${text}`],
    ['with a space in its signature', `${header}.${payload}.${signature.slice(0, 5)} ${signature.slice(5)}`],
    ['in the other alphabet', `${header}.${payload}.${Buffer.from(signature, 'base64url').toString('base64')}`],
    ['with padding in its header', `${header}=.${payload}.${signature}`],
    ['with padding in its payload', `${header}.${payload}=.${signature}`],
  ]
}

/** Checks tokens signed with SECRET; nobody may do anything but by token. Ends with the test. */
export const startWithTokens = async (options: Partial<StartNodeOptions<App>> = {}): Promise<LocalNode<App>> => {
  const node = await startNode<App>({ contract, backend: memory(), tokens: { keys: [{ secret: SECRET }] }, ...options })
  afterTest(() => node.close())
  return node
}
