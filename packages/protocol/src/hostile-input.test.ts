import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jsonCodec, parseCommand, payloadProblem } from './index.js'
import { msgpackCodec } from './msgpack.js'

const PUBLISH = {
  type: 'publish',
  id: 7,
  channel: 'chat:lobby',
  data: { text: 'hi', n: [1, 2.5, null] },
  tags: { a: 'b' },
}
const JSON_FRAME = JSON.stringify([PUBLISH, { type: 'subscribe', id: 8, channel: 'a', rewind: { count: 5 } }])
const MSGPACK_FRAME = msgpackCodec.encode([PUBLISH, { ...PUBLISH, data: new Uint8Array(40) }]) as Uint8Array

/** What a server does with a frame up to the command: none of it may throw. */
const read = (frame: string | Uint8Array): void => {
  const messages = (typeof frame === 'string' ? jsonCodec : msgpackCodec).decode(frame) ?? []
  for (const message of messages) {
    const parsed = parseCommand(message)
    if (!parsed.ok) expect(parsed.message.length).toBeLessThan(200)
    else if (parsed.command.type === 'publish') payloadProblem(parsed.command.data)
  }
}

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))

/** A few places of `frame` changed, cut out or doubled. */
const mutated = (frame: Uint8Array): fc.Arbitrary<Uint8Array> =>
  fc
    .array(fc.tuple(fc.nat(frame.length), fc.nat(3), fc.uint8Array({ maxLength: 6 })), { minLength: 1, maxLength: 5 })
    .map((edits) => {
      const bytes = [...frame]
      for (const [at, cut, added] of edits) bytes.splice(at % bytes.length, cut, ...added)
      return Uint8Array.from(bytes)
    })

describe('hostile input', () => {
  it('of random bytes does not throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), read), { numRuns: 2000 })
  })

  it('of random text does not throw', () => {
    fc.assert(fc.property(fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)) }), read))
  })

  it('of changed MessagePack does not throw', () => {
    fc.assert(fc.property(mutated(MSGPACK_FRAME), read), { numRuns: 3000 })
  })

  it('of changed JSON does not throw', () => {
    const changed = mutated(new TextEncoder().encode(JSON_FRAME)).map((bytes) => new TextDecoder().decode(bytes))
    fc.assert(fc.property(changed, read), { numRuns: 3000 })
  })

  it('of any JSON in place of a command does not throw, and never becomes a command without an id', () => {
    const field = fc.oneof(fc.constantFrom('type', 'id', 'channel', 'data', 'tags', 'rewind', '__proto__'), fc.string())
    const value = fc.oneof(fc.jsonValue(), fc.constantFrom('publish', 'subscribe', 'constructor', 1, -1, 2 ** 53))
    fc.assert(
      fc.property(fc.dictionary(field, value), (message) => {
        const parsed = parseCommand(message)
        if (parsed.ok) expect(parsed.command.id).toBeGreaterThan(0)
        else expect(parsed.id === null || parsed.id > 0).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  it('of any JavaScript value in place of a command does not throw', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withTypedArray: true, withSparseArray: true }),
        (value) => {
          parseCommand(value)
          payloadProblem(value)
        },
      ),
      { numRuns: 2000 },
    )
  })
})

describe('a frame that is nested 100,000 deep', () => {
  const DEPTH = 100_000

  it('is not MessagePack of the protocol, in arrays and in maps', () => {
    expect(msgpackCodec.decode(new Uint8Array(DEPTH).fill(0x91))).toBeUndefined()
    expect(msgpackCodec.decode(hex('81a161'.repeat(DEPTH) + 'c0'))).toBeUndefined()
    expect(msgpackCodec.decode(hex('dc0001'.repeat(DEPTH) + 'c0'))).toBeUndefined()
  })

  it('holds no command in JSON', () => {
    const messages = jsonCodec.decode('['.repeat(DEPTH) + ']'.repeat(DEPTH))
    expect(messages?.map((message) => parseCommand(message).ok) ?? []).not.toContain(true)
    expect(jsonCodec.decode('['.repeat(DEPTH))).toBeUndefined()
    expect(jsonCodec.decode('{"a":'.repeat(DEPTH))).toBeUndefined()
  })

  it('is a bad payload in a JSON publish', () => {
    const deep = '{"a":'.repeat(DEPTH) + '1' + '}'.repeat(DEPTH)
    const [message] = jsonCodec.decode(`{"type":"publish","id":1,"channel":"a","data":${deep}}`) ?? []
    const parsed = parseCommand(message)
    expect(parsed).toMatchObject({ ok: true, command: { id: 1 } })
    if (parsed.ok && parsed.command.type === 'publish') expect(payloadProblem(parsed.command.data)).toMatch(/nested/)
  })

  it('is a bad command where a short text or a small object belongs', () => {
    const deep = '['.repeat(DEPTH) + ']'.repeat(DEPTH)
    for (const field of ['channel', 'tags', 'rewind', 'key', 'from', 'sub', 'policy']) {
      const type = field === 'tags' || field === 'key' ? 'publish' : 'subscribe'
      const channel = field === 'channel' ? '' : '"channel":"a","data":1,'
      const [message] = jsonCodec.decode(`{"type":"${type}","id":1,${channel}"${field}":${deep}}`) ?? []
      expect(parseCommand(message)).toMatchObject({ ok: false, id: 1, code: 'bad-command' })
    }
  })
})

describe('a header that claims more than the frame holds', () => {
  const CLAIMS = {
    'an array of 2,147,483,647': 'dd7fffffff',
    'an array of 4,294,967,295 with an item': 'ddffffffff 01',
    'a map of 2,147,483,648': 'df80000000',
    'a map of 65,535 with an entry': 'deffff a161 01',
    'a string of 4,294,967,295 bytes': 'dbffffffff 61',
    'bytes of 4,294,967,295': 'c6ffffffff 00',
    'an array of arrays that each claim 2,147,483,647': 'dd7fffffff'.repeat(60),
    'a string of 31 bytes': 'bf 61',
    'a whole number of 8 bytes': 'cf 0000',
  }

  for (const [what, frame] of Object.entries(CLAIMS)) {
    it(`is refused, for ${what}, and nothing is made room for`, () => {
      const before = process.memoryUsage()
      for (let round = 0; round < 200; round++) expect(msgpackCodec.decode(hex(frame))).toBeUndefined()
      const after = process.memoryUsage()
      expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(8 * 2 ** 20)
      expect(after.rss - before.rss).toBeLessThan(256 * 2 ** 20)
    })
  }
})

describe('keys that mean something to JavaScript', () => {
  it('change no prototype and stay keys of the payload, the same in both codecs', () => {
    const text =
      '{"type":"publish","id":1,"channel":"a","data":{"__proto__":{"admin":true},"constructor":1,"toString":2}}'
    const fromJson = jsonCodec.decode(text)
    const fromMsgpack = msgpackCodec.decode(
      hex(
        '84 a474797065 a77075626c697368 a26964 01 a76368616e6e656c a161 a464617461 ' +
          '83 a95f5f70726f746f5f5f 81 a561646d696e c3 ab636f6e7374727563746f72 01 a8746f537472696e67 02',
      ),
    )
    expect(JSON.stringify(fromMsgpack)).toBe(JSON.stringify(fromJson))
    expect({}).not.toHaveProperty('admin')
    for (const [message] of [fromJson ?? [], fromMsgpack ?? []]) {
      const parsed = parseCommand(message)
      expect(parsed.ok && parsed.command.type === 'publish' && payloadProblem(parsed.command.data)).toMatch(/__proto__/)
    }
  })

  it('give a message no fields through its prototype', () => {
    for (const text of [
      '{"__proto__":{"type":"ping","id":1}}',
      '{"type":"publish","id":1,"__proto__":{"channel":"a","data":1}}',
      '{"type":"publish","id":1,"bytes":"AA==","__proto__":{"channel":"a"}}',
    ]) {
      expect(jsonCodec.decode(text)?.map((message) => parseCommand(message).ok)).toEqual([false])
    }
  })
})
