import { Readable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Line, readLines } from './lines.js'

const lines = async (chunks: readonly (string | Uint8Array)[], maxLineBytes = 100): Promise<readonly Line[]> => {
  const found: Line[] = []
  const input = Readable.from(chunks.map((chunk) => Buffer.from(chunk)))
  for await (const line of readLines(input, maxLineBytes)) found.push(line)
  return found
}

const texts = (found: readonly Line[]): readonly unknown[] =>
  found.map((line) => ('text' in line ? line.text : { problem: line.problem }))

describe('readLines', () => {
  it('splits at newlines only', async () => {
    expect(texts(await lines(['a\r\n\n', 'b\u2028c\rd\ne']))).toEqual(['a', '', 'b\u2028c\rd', 'e'])
    expect(texts(await lines(['a\n']))).toEqual(['a'])
    expect(texts(await lines(['']))).toEqual([])
  })

  it('leaves out a byte order mark at the beginning', async () => {
    expect(texts(await lines(['\ufeffa\n\ufeffb']))).toEqual(['a', '\ufeffb'])
  })

  it('tells lines that are too long or not UTF-8, and goes on', async () => {
    const found = await lines(['12345', '6\n', '12345\n', Uint8Array.of(0xff, 0x0a), 'x'], 5)
    expect(texts(found)).toEqual([
      { problem: 'it is longer than 5 bytes' },
      '12345',
      { problem: 'it is not UTF-8' },
      'x',
    ])
    expect(found.map(({ number }) => number)).toEqual([1, 2, 3, 4])
  })

  it('finds the same lines however the bytes come in pieces', async () => {
    const text = fc.string({ unit: fc.constantFrom('a', '☃', '\n', '\r\n', '"') })
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }), async (whole, sizes) => {
        const bytes = Buffer.from(whole)
        const chunks: Uint8Array[] = []
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const size = sizes[turn % sizes.length] ?? 1
          chunks.push(bytes.subarray(at, at + size))
          at += size
        }
        const found = await lines(chunks, 10_000)
        expect(found).toEqual((await lines([whole], 10_000)).map((line, index) => ({ ...line, number: index + 1 })))
        expect(found.at(-1)?.bytesRead ?? 0).toBe(bytes.length)
      }),
    )
  })
})
