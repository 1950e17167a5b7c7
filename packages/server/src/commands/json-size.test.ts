import fc from 'fast-check'
import { expect, test } from 'vitest'
import { jsonBytesAtMost } from './json-size.js'

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value))

test('no value has more bytes as JSON', () => {
  const unit = fc.oneof(fc.constantFrom('\u0000', '"', '\\', '\n', '€', '😀'), fc.string({ maxLength: 1 }))
  const value = fc.jsonValue({ noUnicodeString: false, stringUnit: 'binary' })
  const texts = fc.array(unit).map((units) => units.join(''))
  fc.assert(
    fc.property(
      fc.oneof(value, texts, fc.dictionary(texts, fc.double({ noNaN: true, noDefaultInfinity: true }))),
      (each) => {
        expect(bytesOf(each)).toBeLessThanOrEqual(jsonBytesAtMost(each))
      },
    ),
    { numRuns: 2000 },
  )
})

test.each([
  [[]],
  [[[]]],
  [{}],
  [false],
  [null],
  ['\u0000'.repeat(99)],
  [-1.2345678901234567e-300],
  [[1, [2, { a: [] }]]],
])('neither has %j', (value) => {
  expect(bytesOf(value)).toBeLessThanOrEqual(jsonBytesAtMost(value))
})

test('bytes have as many as they are', () => {
  expect(jsonBytesAtMost(new Uint8Array(7))).toBe(7)
})
