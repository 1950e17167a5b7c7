import { type JsonValue, isWellFormed, plainData, plainJson, type PublicationData } from '@tidings/protocol'
import { TidingsError } from './tidings-error.js'

const utf8 = new TextEncoder()

export const utf8Bytes = (text: string): number => utf8.encode(text).length

/**
 * A copy of data as the wire will carry it, so that what the application does to its object later cannot change a retry,
 * and its size. Throws TidingsError `bad-payload`.
 */
export const sizedCopy = (given: unknown): { readonly data: PublicationData; readonly bytes: number } => {
  const data = orBadPayload(plainData, given)
  return { data, bytes: data instanceof Uint8Array ? data.length : utf8Bytes(JSON.stringify(data)) }
}

/** The same for what must be JSON. undefined stays as it is. */
export const jsonCopy = (data: unknown): JsonValue | undefined =>
  data === undefined ? data : orBadPayload(plainJson, data)

const orBadPayload = <Copy>(copy: (data: unknown) => Copy, data: unknown): Copy => {
  try {
    return copy(data)
  } catch (error) {
    throw new TidingsError('bad-payload', (error as Error).message)
  }
}

/** Throws TidingsError `bad-option` for text, or a name, with half a surrogate pair: no codec carries it. */
export const checkTexts = (texts: Readonly<Record<string, unknown>> | undefined): void => {
  for (const entry of Object.entries(texts ?? {})) {
    if (entry.every((text) => typeof text !== 'string' || isWellFormed(text))) continue
    throw new TidingsError('bad-option', `${JSON.stringify(entry[0])} holds half a surrogate pair`)
  }
}
