import { createHash } from 'node:crypto'
import type { Algorithm } from './token-keys.js'

/** The order of P-256 (FIPS 186-4, D.1.2.3). */
const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
const P256_BYTES = 32

const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64url')

/** Names a token that has a `jti`. */
export const nameOfId = (jti: string): string => `jti:${jti}`

/**
 * Names a token without a `jti` by what was signed, header and payload. The signature is not part of it: whoever has a token can
 * make a second valid ES256 signature from the first.
 */
export const nameOfSigned = (text: string): string => `signed:${sha256(text.slice(0, text.lastIndexOf('.')))}`

/**
 * Names that revocations of such a token have in a data directory of a version that hashed the whole text: with its signature
 * and, for ES256, with the other valid one.
 */
export const namesOfText = (text: string, algorithm: Algorithm): readonly string[] => {
  const other = algorithm === 'ES256' ? withOtherSignature(text) : undefined
  return [text, ...(other === undefined ? [] : [other])].map((each) => `sha256:${sha256(each)}`)
}

/** (r, s) and (r, n - s) are both valid. */
const withOtherSignature = (text: string): string => {
  const start = text.lastIndexOf('.') + 1
  const signature = Buffer.from(text.slice(start), 'base64url')
  const s = BigInt(`0x${signature.subarray(P256_BYTES).toString('hex')}`)
  const other = Buffer.from((P256_ORDER - s).toString(16).padStart(2 * P256_BYTES, '0'), 'hex')
  return text.slice(0, start) + Buffer.concat([signature.subarray(0, P256_BYTES), other]).toString('base64url')
}

/**
 * Whether each part of a token is base64url in its only canonical form (RFC 4648, section 3.5): no padding, no whitespace, and
 * no bits behind the last byte. Decoders let all of that pass, so one token would have many texts.
 */
export const isCanonical = (text: string): boolean =>
  text.split('.').every((part) => Buffer.from(part, 'base64url').toString('base64url') === part)
