/**
 * Reads the protocol's subset of MessagePack: plain maps with string keys, no extension types, UTF-8 strings, bytes as `bin`.
 * https://github.com/msgpack/msgpack/blob/master/spec.md
 *
 * The general decoder is not used for what comes off the wire: it makes room for what a header claims, drops a byte
 * order mark from long strings, and hands out views that keep the whole frame alive.
 */

/** Payloads may be 64 deep; the rest is for the message around them. */
const MAX_DEPTH = 80
/** Below this many bytes a loop beats the call of a TextDecoder. */
const SHORT_TEXT_BYTES = 48
const TWO_TO_32 = 2 ** 32

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

class MsgpackReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  /** The next value. Throws when the bytes are not one; a DataView does so at the end. */
  value(depth: number): unknown {
    if (depth > MAX_DEPTH) throw new RangeError('nested too deep')
    const byte = this.#unsigned(1)
    if (byte <= 0x7f) return byte
    if (byte <= 0x8f) return this.#map(byte & 0x0f, depth)
    if (byte <= 0x9f) return this.#array(byte & 0x0f, depth)
    if (byte <= 0xbf) return this.#text(byte & 0x1f)
    return byte >= 0xe0 ? byte - 0x100 : this.#sized(byte, depth)
  }

  #sized(byte: number, depth: number): unknown {
    switch (byte) {
      case 0xc0:
        return null
      case 0xc2:
      case 0xc3:
        return byte === 0xc3
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return new Uint8Array(this.#take(this.#unsigned(1 << (byte - 0xc4))))
      case 0xca:
        return this.#view.getFloat32(this.#skip(4))
      case 0xcb:
        return this.#view.getFloat64(this.#skip(8))
      case 0xcc:
      case 0xcd:
      case 0xce:
      case 0xcf:
        return this.#unsigned(1 << (byte - 0xcc))
      case 0xd0:
      case 0xd1:
      case 0xd2:
      case 0xd3:
        return this.#signed(1 << (byte - 0xd0))
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.#unsigned(1 << (byte - 0xd9)))
      case 0xdc:
      case 0xdd:
        return this.#array(this.#unsigned(2 << (byte - 0xdc)), depth)
      case 0xde:
      case 0xdf:
        return this.#map(this.#unsigned(2 << (byte - 0xde)), depth)
      default:
        throw new RangeError('an extension type, or a byte that means nothing')
    }
  }

  #skip(count: number): number {
    const start = this.#at
    this.#at = start + count
    return start
  }

  #take(count: number): Uint8Array {
    const start = this.#skip(count)
    if (this.#at > this.#bytes.length) throw new RangeError('the frame ends too early')
    return this.#bytes.subarray(start, this.#at)
  }

  #unsigned(count: number): number {
    const at = this.#skip(count)
    if (count === 1) return this.#view.getUint8(at)
    if (count === 2) return this.#view.getUint16(at)
    if (count === 4) return this.#view.getUint32(at)
    return this.#view.getUint32(at) * TWO_TO_32 + this.#view.getUint32(at + 4)
  }

  #signed(count: number): number {
    const at = this.#skip(count)
    if (count === 1) return this.#view.getInt8(at)
    if (count === 2) return this.#view.getInt16(at)
    if (count === 4) return this.#view.getInt32(at)
    return this.#view.getInt32(at) * TWO_TO_32 + this.#view.getUint32(at + 4)
  }

  #text(count: number): string {
    const bytes = this.#take(count)
    if (count > SHORT_TEXT_BYTES) return utf8.decode(bytes)
    let text = ''
    for (const byte of bytes) {
      if (byte >= 0x80) return utf8.decode(bytes)
      text += String.fromCharCode(byte)
    }
    return text
  }

  // Nothing is made room for: an item takes at least a byte of the frame, so what is claimed and not there ends the loop.
  #array(count: number, depth: number): unknown[] {
    const items: unknown[] = []
    for (let index = 0; index < count; index++) items.push(this.value(depth + 1))
    return items
  }

  #map(count: number, depth: number): Record<string, unknown> {
    const map: Record<string, unknown> = {}
    for (let index = 0; index < count; index++) {
      const key = this.value(depth + 1)
      if (typeof key !== 'string') throw new TypeError('a key that is not a string')
      const value = this.value(depth + 1)
      if (key !== '__proto__') map[key] = value
      // As JSON.parse does: a key like any other, not the prototype.
      else Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true })
    }
    return map
  }
}

/** The one value the bytes hold. Throws if they hold anything else. Bytes in it are copies. */
export const readMsgpack = (bytes: Uint8Array): unknown => {
  const reader = new MsgpackReader(bytes)
  const value = reader.value(0)
  if (!reader.isAtEnd) throw new RangeError('bytes after the value')
  return value
}
