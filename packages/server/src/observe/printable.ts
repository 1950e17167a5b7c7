/**
 * Characters that a terminal or a reader of lines acts on, or that change how the text beside them is shown: control and format
 * characters (among them the direction overrides U+202A-202E and U+2066-2069), line and paragraph separators, lone surrogates.
 * The joiners U+200C and U+200D are left alone: emoji and many scripts need them.
 */
const ACTIVE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]|(?![\u200c\u200d])\p{Cf}/gu

const escapeUnit = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`

/**
 * The same text with every active character written as `\uXXXX`, so that it is one line and is shown as it is. JSON stays JSON
 * with the same content: JSON.stringify has escaped the control characters that mean something else within its strings.
 */
export const printable = (text: string): string =>
  text.replace(ACTIVE, (character) => character.split('').map(escapeUnit).join(''))

/** A value as one line of JSON, without the line's end, that can be printed whatever remote text is in it. */
export const printableJson = (value: unknown): string => printable(JSON.stringify(value))
