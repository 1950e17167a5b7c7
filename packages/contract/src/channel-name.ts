const MAX_BYTES = 255

// Control and format characters, spaces and separators, lone surrogates and unassigned code points, and the signs that patterns use.
const FORBIDDEN = /[\p{C}\p{Z}{}*>]/u

/**
 * Says what is wrong with a channel name (or a part of one), or undefined: 1 to 255 bytes of UTF-8, segments separated by
 * `:` and none empty, in Unicode normal form C, without spaces, control characters, `{`, `}`, `*` and `>`.
 */
export const channelNameProblem = (name: string): string | undefined => {
  if (name.length === 0) return 'is empty'
  if (name.length > MAX_BYTES || new TextEncoder().encode(name).length > MAX_BYTES)
    return `is longer than ${MAX_BYTES} bytes`
  if (FORBIDDEN.test(name)) return 'holds a space, a control character or one of { } * >'
  if (name.normalize('NFC') !== name) return 'is not in Unicode normal form C'
  if (name.startsWith(':') || name.endsWith(':') || name.includes('::')) return 'has an empty segment'
  return undefined
}
