import { MAX_NAME_LENGTH } from './limits.js'

const NAME_KEY = 'tidings-chat-name'
const DEFAULT_ROOM = 'lobby'
const MAX_ROOM_LENGTH = 48

/** Control and format characters, lone surrogates and unassigned code points: not in a name. */
const UNPRINTABLE = /\p{C}/u
/** What a channel's name may not have, and the sign that separates its segments. */
const NOT_IN_ROOMS = /[\p{C}\p{Z}{}*>:]+/gu

/** A name as the server takes it: outer spaces go, and inner runs of them become one. */
export const cleanName = (text: string): string => text.normalize('NFC').trim().replace(/\s+/gu, ' ')

/** Says what is wrong with a cleaned name, in words for its owner; undefined: nothing. */
export const nameProblem = (name: string): string | undefined => {
  if (name.length === 0) return 'Please enter a name.'
  if (name.length > MAX_NAME_LENGTH) return `Please use at most ${MAX_NAME_LENGTH} characters.`
  return UNPRINTABLE.test(name) ? 'Please use letters, digits and signs only.' : undefined
}

/** Makes a channel segment of whatever somebody typed. Empty: the default room. */
export const cleanRoom = (text: string): string => {
  const room = text.replace(NOT_IN_ROOMS, '-').normalize('NFC').replace(/^-+/, '').slice(0, MAX_ROOM_LENGTH)
  return room.toWellFormed().replace(/[-\ufffd]+$/, '') || DEFAULT_ROOM
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** The room that an address names: `#room` before `?room=`. */
export const roomOf = ({ hash, search }: { readonly hash: string; readonly search: string }): string =>
  cleanRoom(decoded(hash.replace(/^#/, '')) || (new URLSearchParams(search).get('room') ?? ''))

/** The hash that leads to a room. */
export const hashOf = (room: string): string => `#${encodeURIComponent(room)}`

/** Storage may be forbidden, and what it holds may be anything. */
export const storedName = (storage: () => Pick<Storage, 'getItem'>): string | undefined => {
  try {
    const name = cleanName(storage().getItem(NAME_KEY) ?? '')
    return nameProblem(name) === undefined ? name : undefined
  } catch {
    return undefined
  }
}

/** Does nothing where storage is forbidden. */
export const storeName = (storage: () => Pick<Storage, 'setItem'>, name: string): void => {
  try {
    storage().setItem(NAME_KEY, name)
  } catch {
    // The name is asked for again next time.
  }
}

const HUES = 12

/** One of twelve colours, the same for the same name everywhere. */
export const hueOf = (name: string): number => {
  let hash = 7
  for (const sign of name) hash = (hash * 31 + (sign.codePointAt(0) ?? 0)) >>> 0
  return hash % HUES
}

/** The first sign of a name, as people see it, for its picture. */
export const initialOf = (name: string): string => {
  const letter = /[\p{L}\p{N}]\p{M}*/u.exec(name)?.[0]
  return (letter ?? /./su.exec(name)?.[0] ?? '?').toLocaleUpperCase()
}
