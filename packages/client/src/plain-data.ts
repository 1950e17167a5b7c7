import type { PublicationData } from '@tidings/protocol'
import { TidingsError } from './tidings-error.js'

/** PROTOCOL_LIMITS.maxPayloadDepth; the table of limits would be too large for a browser's bundle. */
const MAX_DEPTH = 64
const utf8 = new TextEncoder()

export const utf8Bytes = (text: string): number => utf8.encode(text).length

/** Whether JSON.stringify loses nothing that matters: numbers are finite, no bytes inside, not too deep. */
const isPlain = (value: unknown, depth = 0): boolean =>
  typeof value === 'object' && value !== null
    ? depth < MAX_DEPTH &&
      !(value instanceof Uint8Array) &&
      Object.values(value).every((inner) => isPlain(inner, depth + 1))
    : typeof value !== 'number' || Number.isFinite(value)

/**
 * A copy of data as the wire will carry it, so that what the application does to its object later cannot change a retry,
 * and its size. Throws TidingsError `bad-payload`.
 */
export const plainData = (data: unknown): { readonly data: PublicationData; readonly bytes: number } => {
  if (data instanceof Uint8Array) return { data: new Uint8Array(data), bytes: data.length }
  const text = isPlain(data) ? (JSON.stringify(data) as string | undefined) : undefined
  if (text === undefined) throw new TidingsError('bad-payload', 'data must be plain JSON or bytes')
  return { data: JSON.parse(text) as PublicationData, bytes: utf8Bytes(text) }
}
