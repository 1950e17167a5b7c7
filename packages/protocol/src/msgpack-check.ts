/**
 * Says whether bytes are one well-formed MessagePack value of the protocol's subset, before anything is allocated for it:
 * a five-byte header may claim an array of millions, and decoders make room for what is claimed. Here every claimed item
 * must be in the frame, so decoding costs memory in proportion to the frame. No extension types, UTF-8 strings, string keys.
 * https://github.com/msgpack/msgpack/blob/master/spec.md
 */
const MAX_DEPTH = 80
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** What a header byte begins: `bytes` to pass over, or `items` that follow; `sizeBytes` of length come first. */
type Kind = 'scalar' | 'string' | 'bytes' | 'array' | 'map' | 'refused'

interface Header {
  readonly kind: Kind
  /** Bytes that hold the length; 0: the length is in the header byte. */
  readonly sizeBytes: number
  readonly fixed: number
}

const header = (kind: Kind, sizeBytes: number, fixed = 0): Header => ({ kind, sizeBytes, fixed })

const headerOf = (byte: number): Header => {
  if (byte <= 0x7f || byte >= 0xe0) return header('scalar', 0)
  if (byte <= 0x8f) return header('map', 0, byte & 0x0f)
  if (byte <= 0x9f) return header('array', 0, byte & 0x0f)
  if (byte <= 0xbf) return header('string', 0, byte & 0x1f)
  if (byte <= 0xc3) return byte === 0xc1 ? header('refused', 0) : header('scalar', 0)
  if (byte <= 0xc6) return header('bytes', 1 << (byte - 0xc4))
  if (byte <= 0xc9) return header('refused', 0)
  if (byte <= 0xcb) return header('scalar', 0, byte === 0xca ? 4 : 8)
  if (byte <= 0xd3) return header('scalar', 0, 1 << ((byte - 0xcc) & 3))
  if (byte <= 0xd8) return header('refused', 0)
  if (byte <= 0xdb) return header('string', 1 << (byte - 0xd9))
  return byte <= 0xdd ? header('array', byte === 0xdc ? 2 : 4) : header('map', byte === 0xde ? 2 : 4)
}

const HEADERS: readonly Header[] = Array.from({ length: 256 }, (_, byte) => headerOf(byte))

const isUtf8 = (bytes: Uint8Array): boolean => {
  if (bytes.every((byte) => byte < 0x80)) return true
  try {
    utf8.decode(bytes)
    return true
  } catch {
    return false
  }
}

const readSize = (bytes: Uint8Array, at: number, count: number): number => {
  let size = 0
  for (let index = at; index < at + count; index++) size = size * 256 + (bytes[index] ?? 0)
  return size
}

export const isMsgpackValue = (bytes: Uint8Array): boolean => {
  // One entry an open container: the values it still wants. In a map, an even count says that a key comes next.
  const wanted = [1]
  const isMap = [false]
  let at = 0
  while (wanted.length > 0) {
    const top = wanted.length - 1
    const left = wanted[top] ?? 0
    if (left === 0) {
      wanted.pop()
      isMap.pop()
      continue
    }
    wanted[top] = left - 1
    const { kind, sizeBytes, fixed } = HEADERS[bytes[at++] ?? 0xc1]!
    if (kind === 'refused' || (isMap[top] === true && left % 2 === 0 && kind !== 'string')) return false
    const size = sizeBytes === 0 ? fixed : readSize(bytes, at, sizeBytes)
    at += sizeBytes
    const items = kind === 'array' ? size : kind === 'map' ? size * 2 : 0
    const end = kind === 'array' || kind === 'map' ? at : at + size
    if (end + items > bytes.length || wanted.length > MAX_DEPTH) return false
    if (kind === 'string' && !isUtf8(bytes.subarray(at, end))) return false
    at = end
    if (items > 0) {
      wanted.push(items)
      isMap.push(kind === 'map')
    }
  }
  return at === bytes.length
}
