import { asArray, type Codec, isRecord } from './codec.js'
import { SUBPROTOCOL_JSON } from './limits.js'

/** Base64 (RFC 4648, section 4) of bytes, without Node's Buffer so that it runs in browsers. */
export const bytesToBase64 = (bytes: Uint8Array): string => {
  let text = ''
  for (let start = 0; start < bytes.length; start += 8192) {
    text += String.fromCharCode(...bytes.subarray(start, start + 8192))
  }
  return btoa(text)
}

/** undefined if the text is not base64. */
export const base64ToBytes = (text: string): Uint8Array | undefined => {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
  } catch {
    return undefined
  }
}

/** In JSON, bytes as a whole stand in `bytes` (base64) in place of `data`. */
const withBytesAsText = (item: unknown): unknown => {
  if (!isRecord(item) || !(item.data instanceof Uint8Array)) return item
  const { data, ...rest } = item
  return { ...rest, bytes: bytesToBase64(data) }
}

/** Only publishes and lists of publications hold data: a replacer, asked for every value, would cost all messages more. */
const encodable = (message: unknown): unknown => {
  if (Array.isArray(message)) return message.map(encodable)
  if (!isRecord(message)) return message
  if (!Array.isArray(message.publications)) return withBytesAsText(message)
  return { ...message, publications: message.publications.map(withBytesAsText) }
}

const withTextAsBytes = (item: unknown): unknown => {
  if (!isRecord(item) || typeof item.bytes !== 'string' || 'data' in item) return item
  const { bytes, ...rest } = item
  const data = base64ToBytes(bytes)
  return data === undefined ? item : { ...rest, data }
}

const decodeMessage = (message: unknown): unknown => {
  if (!isRecord(message)) return message
  if (message.type === 'publish') return withTextAsBytes(message)
  if (!Array.isArray(message.publications)) return message
  return { ...message, publications: message.publications.map(withTextAsBytes) }
}

export const jsonCodec: Codec = {
  subprotocol: SUBPROTOCOL_JSON,
  encode: (message) => JSON.stringify(encodable(message)),
  decode: (frame) => {
    if (typeof frame !== 'string') return undefined
    try {
      return asArray(JSON.parse(frame)).map(decodeMessage)
    } catch {
      return undefined
    }
  },
}
