import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isTooDeep, MAX_JSON_DEPTH } from './json-depth.js'

const nested = (depth: number, open: string, inside: string, close: string): string =>
  `${open.repeat(depth)}${inside}${close.repeat(depth)}`

describe('the depth of JSON', () => {
  it.each([
    ['arrays', '[', ']', MAX_JSON_DEPTH],
    ['objects', '{"a":', '}', MAX_JSON_DEPTH],
    ['both', '[{"a":', '}]', MAX_JSON_DEPTH / 2],
    ['with quotes in names', '{"a\\"[":', '}', MAX_JSON_DEPTH],
    ['with backslashes in names', '{"\\\\":', '}', MAX_JSON_DEPTH],
    // The innermost holds one more.
    ['with siblings', '[[],{"b":"]"},', ']', MAX_JSON_DEPTH - 1],
  ])('of %s is bounded', (_name, open, close, most) => {
    const allowed = nested(most, open, '1', close)
    expect(() => JSON.parse(allowed) as unknown).not.toThrow()
    expect(isTooDeep(allowed)).toBe(false)
    expect(isTooDeep(nested(most + 1, open, '1', close))).toBe(true)
  })

  it('does not count brackets in strings, nor those beside each other', () => {
    expect(isTooDeep(JSON.stringify('['.repeat(5000)))).toBe(false)
    expect(isTooDeep(JSON.stringify({ text: `"\\${'{['.repeat(5000)}` }))).toBe(false)
    expect(isTooDeep(JSON.stringify(Array.from({ length: 5000 }, () => [{}])))).toBe(false)
  })

  it('never refuses what is shallow, and comes to an end with any text', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue({ maxDepth: 6 }), { minLength: 300, maxLength: 400 }), (value) => {
        expect(isTooDeep(JSON.stringify(value))).toBe(false)
      }),
      { numRuns: 50 },
    )
    const brackets = fc.array(fc.constantFrom('[', '{', '"', '\\', ']', 'a'), { minLength: 2000, maxLength: 4000 })
    fc.assert(fc.property(brackets, (parts) => void isTooDeep(parts.join(''))))
  })
})
