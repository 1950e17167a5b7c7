import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { channelNameProblem } from './index.js'

describe('channelNameProblem', () => {
  it('takes any text, and finds none only in a name that is safe to show and to store', () => {
    const anyText = fc.string({ unit: fc.nat(0x3fff).map((unit) => String.fromCharCode(unit)) })
    fc.assert(
      fc.property(fc.oneof(anyText, fc.string({ unit: 'binary' })), (name) => {
        if (channelNameProblem(name) !== undefined) return
        expect(name).not.toMatch(/(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Z}\p{DI}{}*>\u2800]/u)
        expect(name).not.toMatch(/^[\u200c\u200d]|[\u200c\u200d]{2}|[\u200c\u200d]$|:[\u200c\u200d]|[\u200c\u200d]:/u)
        expect(name.isWellFormed()).toBe(true)
        expect(name.normalize('NFC')).toBe(name)
        expect(name.split(':')).not.toContain('')
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255)
      }),
      { numRuns: 3000 },
    )
  })

  it('says what is wrong', () => {
    expect(channelNameProblem('')).toBe('is empty')
    expect(channelNameProblem('x'.repeat(256))).toBe('is longer than 255 bytes')
    expect(channelNameProblem('a b')).toMatch(/space/)
    expect(channelNameProblem('e\u0301')).toMatch(/normal form/)
    expect(channelNameProblem('a::b')).toBe('has an empty segment')
  })

  it('names the character that cannot be seen', () => {
    expect(channelNameProblem('a\u3164')).toBe('holds U+3164, which cannot be seen')
    expect(channelNameProblem('a\u00ad')).toBe('holds U+00AD, which cannot be seen')
    expect(channelNameProblem('a\u{e0100}')).toBe('holds U+E0100, which cannot be seen')
    expect(channelNameProblem('1\u200d2')).toBe(
      'holds U+200D (zero width joiner), which may stand between two letters, marks or emoji only',
    )
    expect(channelNameProblem('a\u200c')).toMatch(/^holds U\+200C \(zero width non-joiner\)/)
  })

  it('takes no character that is ignored by default, in any place', () => {
    const taken: string[] = []
    for (let code = 0; code <= 0x10ffff; code++) {
      const character = String.fromCodePoint(code)
      if (!/\p{Default_Ignorable_Code_Point}/u.test(character) || code === 0x200c || code === 0x200d) continue
      for (const name of [character, `a${character}`, `${character}b`, `a${character}b`]) {
        if (channelNameProblem(name) === undefined) taken.push(name)
      }
    }
    expect(taken).toEqual([])
  })

  it('answers at once for a name of a million characters', () => {
    expect(channelNameProblem(':'.repeat(1_000_000))).toBe('is longer than 255 bytes')
  })
})
