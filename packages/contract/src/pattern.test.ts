import fc from 'fast-check'
import { describe, expect, expectTypeOf, it } from 'vitest'
import {
  channelNameProblem,
  comparePatterns,
  ContractError,
  formatPattern,
  matchPattern,
  parsePattern,
} from './index.js'
import type { ParamsOf } from './index.js'

const literal = fc.stringMatching(/^[a-c]{1,2}$/)
const paramName = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,3}$/)
const value = fc
  .oneof(literal, fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }))
  .filter((text) => channelNameProblem(text) === undefined && !text.includes(':'))

/** Sources of patterns, few enough in shape that two of them often match the same channels. */
const source = fc
  .tuple(
    fc.array(
      fc.oneof(
        literal,
        paramName.map((name) => `{${name}}`),
      ),
      { maxLength: 4 },
    ),
    fc.option(paramName.map((name) => `{${name}...}`)),
  )
  .map(([segments, rest]) => (rest === null ? segments : [...segments, rest]))
  .filter((segments) => segments.length > 0)
  .map((segments) => segments.map((segment, index) => segment.replace(/^\{/, `{p${index}`)).join(':'))

const channelName = fc.array(literal, { minLength: 1, maxLength: 5 }).map((segments) => segments.join(':'))

const paramsOf = (pattern: string): string[] =>
  [...pattern.matchAll(/\{(\w+)(?:\.\.\.)?\}/g)].map((match) => match[1] ?? '')

const isRefused = (run: () => unknown): boolean => {
  try {
    run()
    return false
  } catch (error) {
    expect(error).toBeInstanceOf(ContractError)
    return true
  }
}

describe('parsePattern', () => {
  it('takes any text, and refuses what is no pattern with a ContractError', () => {
    const pieces = fc.array(fc.constantFrom('{', '}', '...', ':', 'a', '_', '1', '*', ' ', 'é', '\ud800', '__proto__'))
    const text = fc.oneof(
      pieces.map((list) => list.join('')),
      fc.string({ unit: 'binary' }),
      source,
    )
    fc.assert(
      fc.property(text, channelName, (pattern, channel) => {
        if (isRefused(() => parsePattern(pattern))) return
        const parsed = parsePattern(pattern)
        expect(comparePatterns(parsed, parsed)).toBe(0)
        matchPattern(parsed, channel)
        matchPattern(parsed, pattern)
      }),
      { numRuns: 2000 },
    )
  })

  it('says which pattern and which segment are wrong', () => {
    expect(() => parsePattern('chat:{a-b}')).toThrow("pattern 'chat:{a-b}': segment '{a-b}'")
    expect(() => parsePattern('{a...}:b')).toThrow('must be the last segment')
    expect(() => parsePattern('{a}:{a}')).toThrow('named twice')
  })

  it('takes a pattern of thousands of segments, and refuses a long one that is wrong at its end, both at once', () => {
    const long = Array.from({ length: 5000 }, (_, index) => `{p${index}}`).join(':')
    expect(parsePattern(long).segments).toHaveLength(5000)
    expect(() => parsePattern(`${long}:{`)).toThrow(ContractError)
    expect(() => parsePattern(`{${'a'.repeat(100_000)}`)).toThrow(ContractError)
  })
})

describe('formatPattern', () => {
  it('makes a channel whose match gives the parameters back', () => {
    fc.assert(
      fc.property(source, fc.infiniteStream(value), (pattern, values) => {
        const params = Object.fromEntries(paramsOf(pattern).map((name) => [name, values.next().value]))
        const channel = formatPattern(pattern, params)
        expect(channelNameProblem(channel)).toBeUndefined()
        expect({ ...matchPattern(parsePattern(pattern), channel) }).toEqual(params)
      }),
      { numRuns: 1000 },
    )
  })

  it('makes the channel that was matched', () => {
    fc.assert(
      fc.property(source, channelName, (pattern, channel) => {
        const params = matchPattern(parsePattern(pattern), channel)
        if (params !== undefined) expect(formatPattern(pattern, params)).toBe(channel)
      }),
      { numRuns: 1000 },
    )
  })

  it('refuses parameters that make no channel name, or another channel than they say', () => {
    const refused: readonly [string, Record<string, string>][] = [
      ['chat:{room}', {}],
      ['chat:{room}', { room: '' }],
      ['chat:{room}', { room: 'a:b' }],
      ['chat:{room}', { room: 'a b' }],
      ['chat:{room}', { room: 'e\u0301' }],
      ['chat:{room}', { room: '\ud800' }],
      ['chat:{room}', { other: 'a' }],
      ['chat:{toString}', {}],
      ['chat:{rest...}', { rest: 'a::b' }],
      ['chat:{rest...}', { rest: ':a' }],
    ]
    for (const [pattern, params] of refused) {
      expect(() => formatPattern(pattern, params)).toThrow(expect.objectContaining({ code: 'bad-params' }))
    }
    expect(formatPattern('chat:{rest...}', { rest: 'a:b' })).toBe('chat:a:b')
  })

  it('refuses parameters that together make a name that is too long', () => {
    expect(() => formatPattern('chat:{room}', { room: 'x'.repeat(251) })).toThrow('longer than 255 bytes')
    expect(formatPattern('chat:{room}', { room: 'x'.repeat(250) })).toHaveLength(255)
    expect(() => formatPattern('{a}:{b}', { a: 'é'.repeat(64), b: 'é'.repeat(64) })).toThrow(ContractError)
  })

  it('takes no parameter from a prototype', () => {
    const inherited = Object.create({ room: 'lobby' }) as Record<string, string>
    expect(() => formatPattern('chat:{room}', inherited)).toThrow('is missing')
  })
})

describe('matchPattern', () => {
  it('gives parameters of any name, and no others', () => {
    const params = matchPattern(parsePattern('{__proto__}:{constructor}'), 'a:b')
    expect(Object.keys(params ?? {})).toEqual(['__proto__', 'constructor'])
    expect(Object.getPrototypeOf(params)).toBeNull()
    expect({}).not.toHaveProperty('a')
  })

  it('matches one rest to one segment or more', () => {
    const pattern = parsePattern('files:{path...}')
    expect(matchPattern(pattern, 'files')).toBeUndefined()
    expect(matchPattern(pattern, 'files:a:b')).toEqual({ path: 'a:b' })
  })
})

describe('comparePatterns', () => {
  const pattern = source.map(parsePattern)

  it('is a strict order: one way round, and the same through a third', () => {
    fc.assert(
      fc.property(pattern, pattern, pattern, (a, b, c) => {
        expect(Math.sign(comparePatterns(a, b))).toBe(0 - Math.sign(comparePatterns(b, a)))
        if (comparePatterns(a, b) <= 0 && comparePatterns(b, c) <= 0) {
          expect(comparePatterns(a, c)).toBeLessThanOrEqual(0)
        }
      }),
      { numRuns: 5000 },
    )
  })

  it('finds two patterns equal only when they match the same channels', () => {
    fc.assert(
      fc.property(pattern, pattern, channelName, (a, b, channel) => {
        if (comparePatterns(a, b) !== 0) return
        expect(matchPattern(a, channel) === undefined).toBe(matchPattern(b, channel) === undefined)
      }),
      { numRuns: 5000 },
    )
  })

  it('puts a pattern without parameters before every other that matches its channel', () => {
    fc.assert(
      fc.property(channelName, pattern, (channel, other) => {
        if (other.source === channel || matchPattern(other, channel) === undefined) return
        expect(comparePatterns(parsePattern(channel), other)).toBeLessThan(0)
      }),
    )
  })
})

describe('ParamsOf', () => {
  it('names the parameters of a pattern', () => {
    expectTypeOf<ParamsOf<'chat:{room}'>>().toEqualTypeOf<Readonly<Record<'room', string>>>()
    expectTypeOf<ParamsOf<'org:{org}:files:{path...}'>>().toEqualTypeOf<Readonly<Record<'org' | 'path', string>>>()
    expectTypeOf<ParamsOf<string>>().toEqualTypeOf<Readonly<Record<string, string>>>()
  })
})
