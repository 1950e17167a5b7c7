import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { mutantsOf, mutated, traced } from '../../scripts/mutants/mutants-of.mjs'

/** Each mutant of a source as the text that it makes of it. */
const textsOf = (text: string): readonly string[] =>
  mutantsOf('a.ts', text).map((mutant) => mutated(text, mutant).replaceAll('\n', ' '))

describe('mutants', () => {
  it.each([
    ['decisions', 'if (a) b = 1', ['if (true) b = 1', 'if (false) b = 1', 'if (a) ;']],
    ['loops, but none that never end', 'while (a) { break }', ['while (false) { break }', 'while (a) { ; }']],
    ['comparisons', 'const a = b < c', ['const a = b <= c']],
    ['calculations', 'const a = b - 1', ['const a = b + 1']],
    ['logic', 'const a = b && !c', ['const a = b || !c', 'const a = b && c']],
    ['choices', 'const a = b ? 1 : 2', ['const a = true ? 1 : 2', 'const a = false ? 1 : 2']],
    ['calls that only have an effect', 'a.b()', [';']],
    ['early ends', 'const a = () => { for (;;) continue }', ['const a = () => { for (;;) ; }']],
    ['what may be absent', 'const a = b?.c', ['const a = b.c']],
    ['lists', 'const a = [1]', ['const a = []']],
    ['extremes', 'const a = Math.min(1, b)', ['const a = Math.max(1, b)']],
  ])('change %s', (_, text, expected) => {
    expect(textsOf(text)).toEqual(expected)
  })

  it('leave types, imports, joined text and the wording of errors alone', () => {
    const text = [
      `import { a } from './a.js'`,
      'type B = { c: true } | [1]',
      "const d: B | undefined = 'e' + f",
      "throw new Error(`no ${g ?? 'h'}`)",
    ].join('\n')
    expect(textsOf(text)).toEqual([])
  })
})

describe('a traced source', () => {
  it('tells the places that run, by the names that mutants have for them', () => {
    const text = 'const a = (b: number) => { return b < 1 }\nconst c = (b: number) => b < 2\na(1)\n'
    const told: string[] = []
    const code = traced('a.ts', text.replaceAll(': number', ''))
    runInNewContext(code, { tellPlace: (place: string) => told.push(place) })
    const places = mutantsOf('a.ts', text.replaceAll(': number', '')).map(({ place }) => `a.ts#${place}`)
    expect(new Set(places)).toEqual(new Set(told))
  })
})
