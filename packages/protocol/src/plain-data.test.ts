import { runInNewContext } from 'node:vm'
import { describe, expect, it, test } from 'vitest'
import { isPublicationData, isWellFormed, plainData, plainJson, PROTOCOL_LIMITS } from './index.js'

const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth))
const elsewhere = (code: string): unknown => runInNewContext(code)

class Point {
  x = 1
}

class Money {
  readonly #cents = 5

  toJSON(key: string): unknown {
    return { cents: this.#cents, key }
  }
}

const transferred = (): ArrayBuffer => {
  const buffer = new ArrayBuffer(4)
  structuredClone(buffer, { transfer: [buffer] })
  return buffer
}

describe('plainData', () => {
  it.each<[string, unknown, unknown]>([
    ['null', null, null],
    ['text with emoji', 'a😀', 'a😀'],
    ['objects without a prototype', Object.assign(Object.create(null) as object, { a: 1 }), { a: 1 }],
    ['objects and arrays of another realm', elsewhere('({ a: [1, { b: null }] })'), { a: [1, { b: null }] }],
    ['no property that is undefined', { a: undefined, b: 1 }, { b: 1 }],
    [
      'a Date and a URL',
      { at: new Date(0), url: new URL('https://a/') },
      { at: new Date(0).toJSON(), url: 'https://a/' },
    ],
    ['a Date of another realm', [elsewhere('new Date(0)')], [new Date(0).toJSON()]],
    [
      'a class with toJSON',
      { price: new Money(), list: [new Money()] },
      { price: { cents: 5, key: 'price' }, list: [{ cents: 5, key: '0' }] },
    ],
    ['no property whose toJSON gives undefined', { a: { toJSON: () => undefined } }, {}],
    ['a proxy of a plain object', new Proxy({ a: 1 }, {}), { a: 1 }],
    ['a key named constructor', { constructor: 1, toJSON: 'x' }, { constructor: 1, toJSON: 'x' }],
  ])('copies %s as JSON carries it', (_name, data, carried) => {
    expect(plainData(data)).toEqual(carried)
    expect(plainData(data)).toEqual(JSON.parse(JSON.stringify(data)))
    expect(isPublicationData(plainData(data))).toBe(true)
  })

  it('copies whatever is changed later', () => {
    const data = { list: [1] }
    const copy = plainData(data)
    data.list.push(2)
    expect(copy).toEqual({ list: [1] })
  })

  const bytes = Uint8Array.of(1, 2, 3, 4)
  it.each<[string, unknown]>([
    ['a Uint8Array', bytes],
    ['a Buffer', Buffer.from(bytes)],
    ['an ArrayBuffer', bytes.slice().buffer],
    ['a DataView', new DataView(bytes.slice().buffer)],
    ['a typed array of larger numbers', new Uint16Array(bytes.slice().buffer)],
    ['a part of a buffer', new Uint8Array(Uint8Array.of(9, 1, 2, 3, 4, 9).buffer, 1, 4)],
    ['an ArrayBuffer of another realm', elsewhere('Uint8Array.of(1, 2, 3, 4).buffer')],
    ['a Uint8Array of another realm', elsewhere('Uint8Array.of(1, 2, 3, 4)')],
    ['a DataView of another realm', elsewhere('new DataView(Uint8Array.of(1, 2, 3, 4).buffer)')],
  ])('takes %s as bytes, and copies them', (_name, data) => {
    const copy = plainData(data)
    expect(copy).toBeInstanceOf(Uint8Array)
    expect(copy).toEqual(bytes)
    expect(copy).not.toBe(data)
  })

  it.each<[string, unknown, string]>([
    ['undefined', undefined, 'data: undefined'],
    ['a function', () => 1, 'data: function'],
    ['a function in an object', { then: () => 1 }, 'data.then: function'],
    ['a symbol', { a: Symbol('s') }, 'data.a: symbol'],
    ['a bigint', { n: [1n] }, 'data.n[0]: bigint'],
    ['NaN', { n: NaN }, 'data.n: NaN'],
    ['infinity', [-Infinity], 'data[0]: -Infinity'],
    ['undefined in an array', { list: [1, undefined] }, 'data.list[1]: undefined'],
    ['a hole in an array', [1, , 2], 'data[1]: undefined'],
    ['a Promise', Promise.resolve(1), 'data: Promise'],
    ['a Promise inside', { user: Promise.resolve(1) }, 'data.user: Promise'],
    ['a Map', { m: new Map([[1, 2]]) }, 'data.m: Map'],
    ['a Map of another realm', elsewhere('new Map()'), 'data: Map'],
    ['a Set', new Set(), 'data: Set'],
    ['an Error', { error: new RangeError('x') }, 'data.error: RangeError'],
    ['a regular expression', /a/, 'data: RegExp'],
    ['a Blob', { file: new Blob([]) }, 'data.file: Blob'],
    ['an instance of a class', { at: new Point() }, 'data.at: Point'],
    ['an object that inherits', Object.create({ a: 1 }), 'data: Object'],
    ['a boxed number', { n: Object(1) as unknown }, 'data.n: Number'],
    ['a SharedArrayBuffer', new SharedArrayBuffer(1), 'data: SharedArrayBuffer'],
    ['bytes inside', { file: new Uint8Array(1) }, 'data.file: bytes'],
    ['a Buffer inside, though it has toJSON', [Buffer.from('a')], 'data[0]: bytes'],
    ['an ArrayBuffer inside', { a: { b: new ArrayBuffer(1) } }, 'data.a.b: bytes'],
    ['bytes of another realm inside', [elsewhere('new Uint8Array(1)')], 'data[0]: bytes'],
    ['bytes that toJSON gives', { toJSON: () => new Uint8Array(1) }, 'data: bytes'],
    ['toJSON that gives undefined', { toJSON: () => undefined }, 'data: undefined'],
    ['toJSON that gives undefined in an array', [{ toJSON: () => undefined }], 'data[0]: undefined'],
    ['a transferred buffer', transferred(), 'data: '],
    ['an object that claims to be a buffer', { [Symbol.toStringTag]: 'ArrayBuffer' }, 'data: '],
    [
      'a getter that throws',
      {
        get a(): number {
          throw new Error('no')
        },
      },
      'data.a: no',
    ],
    [
      'toJSON that throws',
      [
        {
          toJSON: () => {
            throw new Error('no')
          },
        },
      ],
      'data[0]: no',
    ],
    ['a cut emoji', 'hello 😀'.slice(0, 7), 'data: half a surrogate pair'],
    ['the end of an emoji', { list: ['\ude00'] }, 'data.list[0]: half a surrogate pair'],
    ['halves in the wrong order', { a: '\ude00\ud83d' }, 'data.a: half a surrogate pair'],
    ['a key with a cut emoji', { a: { 'x\ud83d': 1 } }, String.raw`data.a["x\ud83d"]: `],
    ['a key of which nothing is left', { '\ud83d': undefined }, String.raw`data["\ud83d"]: `],
    ['a key named __proto__', JSON.parse('{"a":{"__proto__":1}}'), 'data.a.__proto__: '],
  ])('throws for %s, and names its path', (_name, data, start) => {
    expect(() => plainData(data)).toThrow(TypeError)
    expect(() => plainData(data)).toThrow(start)
  })

  it('allows as many containers inside each other as the limit says', () => {
    expect(plainData(nested(PROTOCOL_LIMITS.maxPayloadDepth))).toEqual(nested(PROTOCOL_LIMITS.maxPayloadDepth))
    expect(() => plainData(nested(PROTOCOL_LIMITS.maxPayloadDepth + 1))).toThrow('nested more than 64 deep')
  })

  it('throws for data that contains itself, with a message of bounded length', () => {
    const key = 'self'.repeat(1000)
    const circle: Record<string, unknown> = {}
    circle[key] = circle
    expect(() => plainData(circle)).toThrow(/^data\.selfself.{1,250}: it is nested/)
  })
})

describe('plainJson', () => {
  it('throws for bytes', () => {
    expect(() => plainJson(new Uint8Array(1))).toThrow('data: bytes')
    expect(() => plainJson(new ArrayBuffer(1))).toThrow('data: bytes')
  })

  it('asks a bigint for toJSON, as JSON does', () => {
    const prototype = BigInt.prototype as { toJSON?: () => string }
    prototype.toJSON = function (this: bigint) {
      return this.toString()
    }
    try {
      expect(plainJson([1n])).toEqual(['1'])
    } finally {
      delete prototype.toJSON
    }
  })
})

test('text is well formed when each surrogate is one of a pair', () => {
  for (const text of ['', 'a', '😀', 'é😀x', '\ud83d', 'a\ude00', '\ude00\ud83d', '😀\ud83d']) {
    expect(isWellFormed(text)).toBe(text.isWellFormed())
  }
})
