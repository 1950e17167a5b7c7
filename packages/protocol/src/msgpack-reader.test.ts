import { encode } from '@msgpack/msgpack'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readMsgpack } from './msgpack-reader.js'

const read = (hex: string): unknown => readMsgpack(Buffer.from(hex.replaceAll(' ', ''), 'hex'))

describe('readMsgpack', () => {
  it('reads what a general encoder writes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
        // Negative zero is a zero on the wire, as in JSON.
        const plain: unknown = JSON.parse(JSON.stringify(value))
        expect(readMsgpack(encode(plain))).toEqual(plain)
      }),
      { numRuns: 500 },
    )
  })

  it('reads numbers at the edges of every width', () => {
    const edges = [7, 8, 15, 16, 31, 32, 53].flatMap((bits) => [
      2 ** bits - 1,
      2 ** bits,
      -(2 ** bits),
      -(2 ** bits) - 1,
    ])
    for (const value of [...edges, 0, -1, -32, -33, 0.1, 1e308, 5e-324, 2 ** 63, -(2 ** 63)]) {
      expect(readMsgpack(encode(value))).toBe(value)
    }
  })

  it('reads 64-bit numbers and 32-bit floats as the nearest double', () => {
    expect(read('cfffffffffffffffff')).toBe(2 ** 64)
    expect(read('d3ffffffffffffffff')).toBe(-1)
    expect(read('d38000000000000000')).toBe(-(2 ** 63))
    expect(read('d3ffffffff00000000')).toBe(-(2 ** 32))
    expect(read('ca3f800000')).toBe(1)
    expect(read('ca7f800000')).toBe(Infinity)
  })

  it('reads texts and bytes of every width of length', () => {
    for (const length of [0, 1, 31, 32, 47, 48, 49, 200, 201, 255, 256, 65_535, 65_536]) {
      const text = 'é'.repeat(Math.floor(length / 2)) + 'x'.repeat(length % 2)
      expect(readMsgpack(encode(text))).toBe(text)
      expect(readMsgpack(encode('x'.repeat(length)))).toBe('x'.repeat(length))
      expect(readMsgpack(encode(new Uint8Array(length).fill(7)))).toEqual(new Uint8Array(length).fill(7))
    }
  })

  it('reads arrays and maps of every width of length', () => {
    for (const length of [0, 1, 15, 16, 65_535, 65_536]) {
      const items = Array.from({ length }, (_, index) => index)
      expect(readMsgpack(encode(items))).toEqual(items)
      const map = Object.fromEntries(items.map((item) => [`k${item}`, item]))
      expect(readMsgpack(encode(map))).toEqual(map)
    }
  })

  it('keeps a byte order mark at the start of a long text', () => {
    const text = `\ufeff${'x'.repeat(300)}`
    expect(readMsgpack(encode(text))).toBe(text)
  })

  it('hands out bytes that do not keep the frame alive', () => {
    const frame = Buffer.from([0xc4, 0x02, 0x01, 0x02])
    const bytes = readMsgpack(frame)
    expect(bytes).toEqual(Uint8Array.of(1, 2))
    expect((bytes as Uint8Array).buffer.byteLength).toBe(2)
    frame.fill(0)
    expect(bytes).toEqual(Uint8Array.of(1, 2))
  })

  it('reads from the middle of a larger buffer', () => {
    const whole = Buffer.from('ffff93010203ffff', 'hex')
    expect(readMsgpack(whole.subarray(2, 6))).toEqual([1, 2, 3])
  })

  for (const [what, hex] of [
    ['nothing', ''],
    ['the unused byte', 'c1'],
    ['extension types', 'd40100'],
    ['long extension types', 'c70100ff'],
    ['a key that is a number', '8101c0'],
    ['a key that is a map', '8180c0'],
    ['bytes after the value', '0101'],
    ['a string that is not UTF-8', 'a2c328'],
    ['a string that ends in the middle of a character', 'a1c3'],
    ['a surrogate in UTF-8', 'a3eda080'],
    ['an overlong form', 'a2c080'],
  ] as const) {
    it(`refuses ${what}`, () => expect(() => read(hex)).toThrow())
  }

  it('refuses every value that is cut short', () => {
    const whole = encode({
      text: 'é'.repeat(100),
      bytes: new Uint8Array(5),
      items: [1, -1, 70_000, 2 ** 40, 0.5, null],
    })
    for (let length = 0; length < whole.length; length++) {
      expect(() => readMsgpack(whole.subarray(0, length))).toThrow()
    }
  })
})
