import { fragments, frame } from '@tidings/testing'
import { describe, expect, test } from 'vitest'
import { MSGPACK, openRaw, session } from './bystander.fixture.js'

const deep = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`

describe('a frame that no session may send closes the connection', () => {
  const cases: readonly [string, () => Buffer, number][] = [
    ['a frame that is too large', () => frame('x'.repeat(131_073)), 1009],
    [
      'a frame that claims to be larger than memory',
      () => Buffer.from([0x81, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
      1009,
    ],
    ['fragments that add up to too much', () => fragments(['x'.repeat(70_000), 'x'.repeat(70_000)], 1), 1009],
    [
      'too many fragments',
      () =>
        fragments(
          Array.from({ length: 16_385 }, () => 'x'),
          1,
        ),
      1008,
    ],
    ['bad UTF-8', () => frame(Buffer.from([0x7b, 0xc3, 0x28])), 1007],
    ['an overlong encoding', () => frame(Buffer.from([0xc0, 0xaf])), 1007],
    ['a frame that is not masked', () => frame('{}', { masked: false }), 1002],
    ['a reserved bit', () => frame('{}', { reserved: 4 }), 1002],
    ['two reserved bits', () => frame('{}', { reserved: 3 }), 1002],
    ['a reserved opcode', () => frame('{}', { opcode: 3 }), 1002],
    ['a reserved control opcode', () => frame('', { opcode: 0xb }), 1002],
    ['a fragmented ping', () => frame('', { opcode: 9, fin: false }), 1002],
    ['a ping that is too long', () => frame('x'.repeat(126), { opcode: 9 }), 1002],
    ['a continuation of nothing', () => frame('x', { opcode: 0 }), 1002],
    ['a new message within a fragmented one', () => Buffer.concat([frame('x', { fin: false }), frame('y')]), 1002],
    ['a close frame with half a code', () => frame(Buffer.from([3]), { opcode: 8 }), 1002],
    ['a close code that must not be sent', () => frame(Buffer.from([0x03, 0xed]), { opcode: 8 }), 1002],
    ['bad JSON', () => frame('{"type":"ping",'), 4500],
    ['nothing', () => frame(''), 4500],
    ['a text that is no message', () => frame('null'), 4500],
    ['a number', () => frame('1'), 4500],
    ['an array of arrays', () => frame('[[]]'), 4500],
    ['JSON nested 60,000 deep', () => frame(deep(60_000)), 4500],
    ['a payload nested 1,000 deep', () => frame(`{"type":"publish","id":1,"data":${deep(1000)}}`), 4500],
    ['a byte order mark', () => frame('\ufeff{}'), 4500],
    ['a command without an id', () => frame('{"type":"ping"}'), 4500],
    ['a negative id', () => frame('{"type":"ping","id":-1}'), 4500],
    ['an id of 0', () => frame('{"type":"ping","id":0}'), 4500],
    ['an id with a fraction', () => frame('{"type":"ping","id":1.5}'), 4500],
    ['an id that is too large', () => frame('{"type":"ping","id":9007199254740993}'), 4500],
    ['a huge id', () => frame('{"type":"ping","id":1e400}'), 4500],
    ['an id that is a string', () => frame('{"type":"ping","id":"1"}'), 4500],
    ['a binary frame', () => frame('{}', { opcode: 2 }), 1003],
  ]

  test.each(cases)('%s', async (_name, bytes, code) => {
    const raw = await session()
    raw.write(bytes())
    expect(await raw.closeCode()).toBe(code)
  })

  const binaryCases: readonly [string, () => Buffer, number][] = [
    ['text', () => frame('{"type":"ping","id":1}'), 1003],
    ['garbage', () => frame(Buffer.from([0xc1, 1, 2, 3]), { opcode: 2 }), 4500],
    ['nothing', () => frame('', { opcode: 2 }), 4500],
    ['half a message', () => frame(Buffer.from([0x82, 0xa4, 0x74]), { opcode: 2 }), 4500],
    ['a map header of 4 billion entries', () => frame(Buffer.from([0xdf, 255, 255, 255, 255]), { opcode: 2 }), 4500],
    [
      'an array header of 4 billion items',
      () => frame(Buffer.from([0xdd, 255, 255, 255, 255, 0xc0]), { opcode: 2 }),
      4500,
    ],
    ['a string header of 4 GB', () => frame(Buffer.from([0xdb, 255, 255, 255, 255, 0x41]), { opcode: 2 }), 4500],
    ['bytes of 4 GB', () => frame(Buffer.from([0xc6, 255, 255, 255, 255, 0x41]), { opcode: 2 }), 4500],
    ['arrays nested 100,000 deep', () => frame(Buffer.alloc(100_000, 0x91), { opcode: 2 }), 4500],
    ['an extension type', () => frame(Buffer.from([0xd4, 1, 2]), { opcode: 2 }), 4500],
    ['two values', () => frame(Buffer.from([0xc0, 0xc0]), { opcode: 2 }), 4500],
    ['a key that is a number', () => frame(Buffer.from([0x81, 1, 1]), { opcode: 2 }), 4500],
    ['bad UTF-8 in a string', () => frame(Buffer.from([0x81, 0xa1, 0xff, 1]), { opcode: 2 }), 4500],
  ]

  test.each(binaryCases)('on a msgpack session: %s', async (_name, bytes, code) => {
    const raw = await openRaw(MSGPACK)
    raw.write(bytes())
    expect(await raw.closeCode()).toBe(code)
  })
})

describe('a malformed command gets its error, and the connection lives', () => {
  const wrong: Readonly<Record<string, Readonly<Record<string, readonly unknown[]>>>> = {
    connect: { token: ['', 5, null, {}, 'x'.repeat(16_385)], client: ['', 5, [], 'x'.repeat(129)] },
    subscribe: {
      channel: [undefined, null, 5, '', {}, 'x'.repeat(256)],
      sub: [-1, 16, 1.5, '1', null],
      from: ['', 5, null, 'x'.repeat(129)],
      rewind: [null, 5, {}, [], { count: -1 }, { count: 1.5 }, { count: '1' }, { ageMs: -1 }, { count: 1e300 }],
      policy: ['', 'none', 5, null, 'constructor'],
      presence: [1, 'true', null],
    },
    unsubscribe: { channel: [undefined, 5], sub: [-1, 99] },
    publish: {
      channel: [undefined, null, 5],
      data: [undefined],
      publicationId: ['', 5, null, 'x'.repeat(129)],
      key: ['', 5, null, 'x'.repeat(129)],
      tags: [
        5,
        null,
        [],
        { a: 1 },
        { a: '' },
        { '': 'a' },
        { a: 'x'.repeat(129) },
        Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`t${index}`, '1'])),
      ],
      echo: [0, 'false', null],
      withinMs: [-1, 1.5, '1', null],
    },
    history: {
      channel: [undefined, 5],
      direction: ['', 'sideways', 5, null],
      from: ['', 5],
      at: [-1, 1.5, '1', null, 1e300],
      limit: [0, -1, 1.5, '1', null, 1e300],
    },
    presence: { channel: [undefined, 5], action: [undefined, 'dance', 5, null, 'toString'] },
  }
  const valid: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    connect: {},
    subscribe: { channel: 'any:a' },
    unsubscribe: { channel: 'any:a' },
    publish: { channel: 'any:a', data: 1 },
    history: { channel: 'any:a' },
    presence: { channel: 'chat:a', action: 'get' },
  }
  const fields = Object.entries(wrong).flatMap(([type, of]) => Object.keys(of).map((field) => [type, field] as const))

  test.each(fields)('%s with a wrong %s', async (type, field) => {
    const raw = await session()
    const values = wrong[type]?.[field] ?? []
    for (const [index, value] of values.entries()) {
      raw.write(frame(JSON.stringify({ type, id: index + 2, ...valid[type], [field]: value })))
    }
    await raw.until(() => raw.messages.length === values.length + 1)
    for (const [index, reply] of raw.messages.slice(1).entries()) {
      expect(reply).toMatchObject({ type: 'error', id: index + 2, code: 'bad-command', retryable: false })
      expect((reply as { message: string }).message).toContain(field)
    }
  })

  const cases: readonly [string, string, string][] = [
    ['an unknown command', '{"type":"dance","id":2}', 'unknown-command'],
    ['no type', '{"id":2}', 'unknown-command'],
    ['a type that is an object', '{"type":{"toString":1},"id":2}', 'unknown-command'],
    ['a name of the prototype as type', '{"type":"__proto__","id":2}', 'unknown-command'],
    ['constructor as type', '{"type":"constructor","id":2}', 'unknown-command'],
    ['toString as type', '{"type":"toString","id":2}', 'unknown-command'],
    ['a message with a __proto__ of its own', '{"__proto__":{"type":"ping"},"id":2}', 'unknown-command'],
    ['a channel with an empty segment', '{"type":"subscribe","id":2,"channel":"any::a"}', 'bad-channel'],
    [
      'a channel of more bytes than characters',
      `{"type":"subscribe","id":2,"channel":"any:${'é'.repeat(130)}"}`,
      'bad-channel',
    ],
    ['a channel with a line break', '{"type":"subscribe","id":2,"channel":"any:a\\nb"}', 'bad-channel'],
    ['a channel with a NUL', '{"type":"subscribe","id":2,"channel":"any:\\u0000"}', 'bad-channel'],
    ['a channel with a lone surrogate', '{"type":"subscribe","id":2,"channel":"any:\\ud800"}', 'bad-command'],
    ['a channel with a wildcard', '{"type":"subscribe","id":2,"channel":"any:*"}', 'bad-channel'],
    ['a channel of the prototype', '{"type":"subscribe","id":2,"channel":"__proto__"}', 'unknown-channel'],
    ['data nested 900 deep', `{"type":"publish","id":2,"channel":"any:a","data":${deep(900)}}`, 'bad-payload'],
    [
      'presence data nested 900 deep',
      `{"type":"presence","id":2,"channel":"chat:a","action":"enter","data":${deep(900)}}`,
      'bad-payload',
    ],
    ['a number beyond what numbers hold', '{"type":"publish","id":2,"channel":"any:a","data":1e999}', 'bad-payload'],
    ['bytes that are not base64', '{"type":"publish","id":2,"channel":"any:a","bytes":"%"}', 'bad-command'],
    [
      'a payload that is too large',
      `{"type":"publish","id":2,"channel":"any:a","data":"${'x'.repeat(65_536)}"}`,
      'payload-too-large',
    ],
  ]

  test.each(cases)('%s', async (_name, text, code) => {
    const raw = await session()
    raw.write(frame(text))
    raw.write(frame('{"type":"ping","id":3}'))
    await raw.until(() => raw.messages.length === 3)
    expect(raw.messages[1]).toMatchObject({ type: 'error', id: 2, code })
    expect(raw.messages[2]).toEqual({ type: 'pong', id: 3 })
  })

  test('unknown fields are left alone', async () => {
    const raw = await session()
    raw.write(frame('{"type":"ping","id":2,"later":{"__proto__":1},"constructor":1}'))
    await raw.until(() => raw.messages.length === 2)
    expect(raw.messages[1]).toEqual({ type: 'pong', id: 2 })
  })
})
