const MAX_BYTES = 255

// Control and format characters, spaces and separators, lone surrogates and unassigned code points, and the signs that patterns use.
const FORBIDDEN = /(?![\u200c\u200d])[\p{C}\p{Z}{}*>]/u

/**
 * Characters of other classes that cannot be seen: default ignorables (variation selectors, Hangul fillers and more), the braille
 * pattern without dots, the musical null notehead and the blanks among hieroglyphs. Two names that differ by them look the same.
 */
const INVISIBLE = /(?![\u200c\u200d])\p{Default_Ignorable_Code_Point}|[\u2800\u{1d159}\u{13441}\u{13442}]/u

const JOINERS = /[\u200c\u200d]/
const JOINABLE = '[\\p{L}\\p{M}\\p{Extended_Pictographic}\\p{Emoji_Presentation}\\p{Emoji_Modifier}]'
const BEGINS_JOINABLE = new RegExp(`^${JOINABLE}`, 'u')
const ENDS_JOINABLE = new RegExp(`${JOINABLE}$`, 'u')

const NAMES: Readonly<Record<string, string>> = {
  '\u200c': 'U+200C (zero width non-joiner)',
  '\u200d': 'U+200D (zero width joiner)',
}

/**
 * Says what is wrong with a channel name (or a part of one), or undefined: 1 to 255 bytes of UTF-8, segments separated by
 * `:` and none empty, in Unicode normal form C, without spaces, control characters, characters that cannot be seen, `{`, `}`, `*`
 * and `>`. The joiners U+200C and U+200D may stand between two letters, marks or emoji.
 */
export const channelNameProblem = (name: string): string | undefined => {
  if (name.length === 0) return 'is empty'
  if (name.length > MAX_BYTES || new TextEncoder().encode(name).length > MAX_BYTES)
    return `is longer than ${MAX_BYTES} bytes`
  const invisible = INVISIBLE.exec(name)?.[0]
  if (invisible !== undefined) return `holds ${codePoint(invisible)}, which cannot be seen`
  if (FORBIDDEN.test(name)) return 'holds a space, a control character or one of { } * >'
  const joiner = misplacedJoiner(name)
  if (joiner !== undefined) return `holds ${NAMES[joiner]}, which may stand between two letters, marks or emoji only`
  if (name.normalize('NFC') !== name) return 'is not in Unicode normal form C'
  if (name.startsWith(':') || name.endsWith(':') || name.includes('::')) return 'has an empty segment'
  return undefined
}

const codePoint = (character: string): string =>
  `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`

/** Without looking behind, which Safari knows from 16.4 on only. */
const misplacedJoiner = (name: string): string | undefined => {
  let rest = name
  for (let at = rest.search(JOINERS); at !== -1; at = rest.search(JOINERS)) {
    const joiner = rest.charAt(at)
    if (!ENDS_JOINABLE.test(rest.slice(0, at)) || !BEGINS_JOINABLE.test(rest.slice(at + 1))) return joiner
    rest = rest.slice(at + 1)
  }
  return undefined
}
