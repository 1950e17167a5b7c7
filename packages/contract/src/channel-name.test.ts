import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { channelNameProblem } from './index.js'

describe('channelNameProblem', () => {
  it('takes any text, and finds none only in a name that is safe to show and to store', () => {
    const anyText = fc.string({ unit: fc.nat(0x3fff).map((unit) => String.fromCharCode(unit)) })
    fc.assert(
      fc.property(fc.oneof(anyText, fc.string({ unit: 'binary' })), (name) => {
        if (channelNameProblem(name) !== undefined) return
        expect(name).not.toMatch(/[\p{Cc}\p{Cf}\p{Z}{}*>]/u)
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

  it('answers at once for a name of a million characters', () => {
    expect(channelNameProblem(':'.repeat(1_000_000))).toBe('is longer than 255 bytes')
  })
})
