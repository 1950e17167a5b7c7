import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { printable, printableJson } from './printable.js'

const code = (character: string): string => `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase()}`
const range = (first: number, last: number): string[] =>
  Array.from({ length: last - first + 1 }, (_, index) => String.fromCodePoint(first + index))

describe('printable', () => {
  test.each([
    ['C0 controls', range(0, 0x1f)],
    ['DEL and C1 controls', range(0x7f, 0x9f)],
    ['direction overrides and embeddings', range(0x202a, 0x202e)],
    ['direction isolates', range(0x2066, 0x2069)],
    ['direction marks', ['\u200e', '\u200f', '\u061c']],
    ['line and paragraph separators', ['\u2028', '\u2029', '\u0085']],
    ['invisible format characters', ['\u00ad', '\u200b', '\u2060', '\ufeff', '\u{e0041}', '\u{1d173}']],
    ['lone surrogates', ['\ud800', '\udfff']],
  ])('escapes %s', (_name, characters) => {
    for (const character of characters) {
      const shown = printable(`a${character}b`)
      expect(shown, code(character)).toMatch(/^a(\\u[0-9a-f]{4})+b$/)
      expect(JSON.parse(`"${shown}"`)).toBe(`a${character}b`)
    }
  })

  test.each(['plain', 'größe', '房间', 'می‌خواهم', '👩‍👩‍👧', 'é', '‹"\\u0041"›', ' a  b '])(
    'leaves %j alone',
    (text) => {
      expect(printable(text)).toBe(text)
    },
  )

  test('keeps what JSON says, on one line that holds nothing active', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const line = printableJson({ [text]: text })
        expect(JSON.parse(line)).toEqual({ [text]: text })
        expect(line).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u202a-\u202e\u2066-\u2069]/u)
      }),
    )
  })
})
