import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Codec, jsonCodec, type JsonValue, payloadProblem } from './index.js'
import { msgpackCodec } from './msgpack.js'

const CODECS: readonly Codec[] = [jsonCodec, msgpackCodec]

/** Any well-formed text, with the characters that decoders trip over, short and long. */
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'binary', minLength: 60, maxLength: 400 }),
  fc.constantFrom(
    '\ufeff',
    `\ufeff${'x'.repeat(300)}`,
    'constructor',
    'toString',
    'bytes',
    'data',
    'type',
    'a'.repeat(70_000),
  ),
)

const number = fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }))

const { json } = fc.letrec<{ json: JsonValue }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    number.map((value) => (Object.is(value, -0) ? 0 : value)),
    text,
    fc.array(tie('json'), { maxLength: 20 }),
    fc.dictionary(
      text.filter((key) => key !== '__proto__'),
      tie('json'),
      { maxKeys: 20, noNullPrototype: true },
    ),
  ),
}))

const data = fc.oneof(json, fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ minLength: 8190, maxLength: 8200 }))

const publication = fc.record(
  {
    offset: fc.maxSafeNat(),
    position: text,
    time: fc.maxSafeNat(),
    data,
    publisher: fc.option(text),
    id: text,
    key: text,
  },
  { requiredKeys: ['offset', 'position', 'time', 'data', 'publisher', 'id'], noNullPrototype: true },
)

const message = fc.oneof(
  fc.record({ type: fc.constant('publish'), id: fc.maxSafeNat(), channel: text, data }, { noNullPrototype: true }),
  fc.record(
    { type: fc.constant('publications'), channel: text, publications: fc.array(publication, { maxLength: 5 }) },
    { noNullPrototype: true },
  ),
  fc.record({ type: fc.constant('presence'), id: fc.maxSafeNat(), data: json }, { noNullPrototype: true }),
)

describe('both codecs', () => {
  it('give back every message they made', () => {
    fc.assert(
      fc.property(message, (sent) => {
        for (const codec of CODECS) expect(codec.decode(codec.encode(sent))).toEqual([sent])
      }),
    )
  })

  it('give back arrays of messages in their order', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 4 }), (sent) => {
        for (const codec of CODECS) expect(codec.decode(codec.encode(sent))).toEqual(sent)
      }),
      { numRuns: 30 },
    )
  })

  it('carry every payload that the protocol allows', () => {
    fc.assert(
      fc.property(data, (value) => {
        expect(payloadProblem(value)).toBeUndefined()
      }),
    )
  })

  it('leave out fields that are undefined', () => {
    for (const codec of CODECS) {
      expect(codec.decode(codec.encode({ type: 'ping', id: 1, sub: undefined }))).toEqual([{ type: 'ping', id: 1 }])
    }
  })

  it('carry a payload as deep as the protocol allows, in a page of history', () => {
    const deep: unknown = JSON.parse('['.repeat(64) + ']'.repeat(64))
    expect(payloadProblem(deep)).toBeUndefined()
    const page = { type: 'history', id: 1, publications: [{ data: deep }] }
    for (const codec of CODECS) expect(codec.decode(codec.encode([page]))).toEqual([page])
  })

  it('read an integer beyond 2^53 as the nearest double', () => {
    // {"n": 9007199254740993}
    const packed = Uint8Array.from(Buffer.from('81a16ecf0020000000000001', 'hex'))
    expect(jsonCodec.decode('{"n":9007199254740993}')).toEqual([{ n: 9007199254740992 }])
    expect(msgpackCodec.decode(packed)).toEqual([{ n: 9007199254740992 }])
  })

  it('throw rather than send a message that is nested without bound', () => {
    const deep: unknown = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000))
    for (const codec of CODECS) expect(() => codec.encode({ type: 'publish', id: 1, data: deep })).toThrow()
  })

  it('refuse frames of the other kind', () => {
    expect(jsonCodec.decode(new TextEncoder().encode('{"type":"ping","id":1}'))).toBeUndefined()
    expect(msgpackCodec.decode('{"type":"ping","id":1}')).toBeUndefined()
  })
})
