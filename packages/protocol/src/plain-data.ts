import { MAX_PAYLOAD_DEPTH } from './limits.js'
import type { JsonValue, PublicationData } from './messages.js'

const LONE_SURROGATE = /[\ud800-\udfff]/u
/** A path may be long when data contains itself, and keys may be of any length. */
const MAX_PATH_LENGTH = 200

/** As `String.prototype.isWellFormed`, which older browsers lack. */
export const isWellFormed = (text: string): boolean => !LONE_SURROGATE.test(text)

/**
 * Copies a publication's data as the wire will carry it. An ArrayBuffer or a view of one, of any realm, is bytes; anything
 * else is copied by `plainJson`. Throws TypeError whose message begins with the path of what cannot be carried.
 */
export const plainData = (data: unknown): PublicationData =>
  isBytes(data) ? located([], () => bytesOf(data)) : plainJson(data)

/**
 * Copies JSON data. As in `JSON.stringify`, `toJSON` is called and properties that are undefined are left out. Everything
 * else that JSON would change throws: undefined in an array, a number that is not finite, a function, a symbol, a bigint,
 * half a surrogate pair, bytes, and any object that is neither an array nor a plain one. Throws TypeError whose message
 * begins with the path.
 */
export const plainJson = (data: unknown): JsonValue => {
  const path: string[] = []
  return located(path, () => copyOf(jsonOf(data, ''), path))
}

/** `path` is read when `copy` throws: it then leads to the value at fault. */
const located = <Copy>(path: readonly string[], copy: () => Copy): Copy => {
  try {
    return copy()
  } catch (error) {
    const { message = error } = error as Partial<Error>
    throw new TypeError(`data${path.join('').slice(0, MAX_PATH_LENGTH)}: ${String(message)}`, { cause: error })
  }
}

const refuse = (what: string): never => {
  throw new TypeError(`${what} is not plain JSON`)
}

const isBytes = (value: unknown): value is ArrayBuffer | ArrayBufferView =>
  ArrayBuffer.isView(value) || Object.prototype.toString.call(value) === '[object ArrayBuffer]'

/** Throws when the buffer was transferred, or only claims to be one. */
const bytesOf = (value: ArrayBuffer | ArrayBufferView): Uint8Array =>
  ArrayBuffer.isView(value)
    ? new Uint8Array(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
    : new Uint8Array(ArrayBuffer.prototype.slice.call(value, 0))

/** The value that JSON.stringify would take instead of this one. */
const jsonOf = (value: unknown, key: string): unknown => {
  const mayConvert =
    typeof value === 'object' ? value !== null && !isBytes(value) : /^(function|bigint)$/.test(typeof value)
  const toJSON = mayConvert && (value as { readonly toJSON?: unknown }).toJSON
  return typeof toJSON === 'function' ? (toJSON.call(value, key) as unknown) : value
}

const copyOf = (value: unknown, path: string[]): JsonValue => {
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'string') return isWellFormed(value) ? value : refuse('half a surrogate pair')
  if (typeof value === 'number') return Number.isFinite(value) ? value : refuse(String(value))
  if (typeof value !== 'object') return refuse(typeof value)
  if (isBytes(value)) throw new TypeError('bytes can only be the whole data')
  if (path.length >= MAX_PAYLOAD_DEPTH) throw new TypeError(`it is nested more than ${MAX_PAYLOAD_DEPTH} deep`)
  return Array.isArray(value) ? copyArray(value, path) : copyObject(value, path)
}

const nameOf = (object: { readonly constructor?: { readonly name?: unknown } }): string =>
  String(object.constructor?.name)

const copyArray = (array: readonly unknown[], path: string[]): JsonValue => {
  const copy: JsonValue[] = []
  for (let index = 0; index < array.length; index++) {
    path.push(`[${index}]`)
    copy.push(copyOf(jsonOf(array[index], String(index)), path))
    path.pop()
  }
  return copy
}

const copyObject = (object: object, path: string[]): JsonValue => {
  const prototype = Object.getPrototypeOf(object) as object | null
  // Every realm has its own Object.prototype; only those, and what was made with null, end the chain here.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) refuse(nameOf(object))
  const copy: Record<string, JsonValue> = {}
  for (const key of Object.keys(object)) {
    path.push(/^[\w$]+$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`)
    const value = jsonOf((object as Record<string, unknown>)[key], key)
    if (key === '__proto__' || !isWellFormed(key)) refuse('the key')
    if (value !== undefined) copy[key] = copyOf(value, path)
    path.pop()
  }
  return copy
}
