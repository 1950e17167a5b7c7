import { asArray, type Codec, isRecord } from './codec.js'
import { SUBPROTOCOL_JSON } from './limits.js'

/** Base64 (RFC 4648, section 4) of bytes, without Node's Buffer so that it runs in browsers. */
export const bytesToBase64 = (bytes: Uint8Array): string =>
  btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), ''))

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

const withTextAsBytes = (item: unknown): unknown => {
  if (!isRecord(item) || typeof item.bytes !== 'string' || 'data' in item) return item
  const { bytes, ...rest } = item
  const data = base64ToBytes(bytes)
  return data === undefined ? item : { ...rest, data }
}

/** Only publishes and lists of publications hold data: asking for every value, as a replacer is, would cost all others more. */
const converted = (message: unknown, convert: (item: unknown) => unknown): unknown => {
  if (Array.isArray(message)) return message.map((each) => converted(each, convert))
  if (!isRecord(message)) return message
  if (Array.isArray(message.publications)) return { ...message, publications: message.publications.map(convert) }
  return message.type === 'publish' ? convert(message) : message
}

export const jsonCodec: Codec = {
  subprotocol: SUBPROTOCOL_JSON,
  encode: (message) => JSON.stringify(converted(message, withBytesAsText)),
  decode: (frame) => {
    if (typeof frame !== 'string') return undefined
    try {
      return asArray(converted(JSON.parse(frame), withTextAsBytes))
    } catch {
      return undefined
    }
  },
}
