import { setImmediate as endOfTurn } from 'node:timers/promises'
import { channel, defineContract } from '@tidings/contract'
import { memory } from '@tidings/server/memory'
import { type LocalNode, RawClient, startNode } from '@tidings/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { fragments, frame, handshake, RawSocket } from './raw-socket.fixture.js'

const contract = defineContract({
  'any:{name}': channel({ history: { maxCount: 100 } }),
  'chat:{name}': channel({ history: { maxCount: 100 }, presence: true }),
})
const everything = { subscribe: true, publish: true, presence: true }
const allow = { 'any:{name}': everything, 'chat:{name}': everything }
const MAX_GROWTH_BYTES = 300 * 1024 * 1024

let node: LocalNode<typeof contract>
let bystander: RawClient
let heard = 0
let memoryBefore = 0
const unhandled: unknown[] = []
const noteUnhandled = (error: unknown): void => void unhandled.push(error)
const open = new Set<RawSocket>()

beforeAll(async () => {
  process.on('unhandledRejection', noteUnhandled)
  node = await startNode({ contract, allow, backend: memory(), echoPath: '/echo' })
  bystander = await RawClient.open(node.url)
  await bystander.request({ type: 'subscribe', channel: 'any:bystander' })
})

beforeEach(() => {
  memoryBefore = process.memoryUsage().rss
})

// After every case: the node lives, and the bystander has heard nothing but what it sends itself.
afterEach(async () => {
  for (const raw of open) raw.socket.destroy()
  open.clear()
  while (node.tidings.health().sessions > 1) await endOfTurn()
  const before = bystander.received.length
  await bystander.request({ type: 'publish', channel: 'any:bystander', data: heard })
  heard += 1
  await bystander.countOf('any:bystander', heard)
  expect(bystander.received.slice(before).map(({ type }) => type).sort()).toEqual(['publications', 'published'])
  expect(node.tidings.health()).toMatchObject({ status: 'ok', sessions: 1, channels: 1 })
  expect(unhandled).toEqual([])
  expect(process.memoryUsage().rss - memoryBefore).toBeLessThan(MAX_GROWTH_BYTES)
})

afterAll(async () => {
  await bystander.close()
  await node.close()
  process.off('unhandledRejection', noteUnhandled)
})

const kept = (raw: RawSocket): RawSocket => {
  open.add(raw)
  return raw
}

const openRaw = async (headers?: Readonly<Record<string, string>>, path?: string): Promise<RawSocket> =>
  kept(await RawSocket.open(node.port, path, headers))

/** A session that has connected. */
const session = async (): Promise<RawSocket> => {
  const raw = await openRaw()
  raw.write(frame('{"type":"connect","id":1}'))
  await raw.until(() => raw.messages.length === 1)
  return raw
}

const MSGPACK = { 'Sec-WebSocket-Protocol': 'tidings.v1.msgpack' }
const deep = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`

describe('a frame that no session may send closes the connection', () => {
  const cases: readonly [string, () => Buffer, number][] = [
    ['a frame that is too large', () => frame('x'.repeat(131_073)), 1009],
    ['a frame that claims to be larger than memory', () => Buffer.from([0x81, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), 1009],
    ['fragments that add up to too much', () => fragments(['x'.repeat(70_000), 'x'.repeat(70_000)], 1), 1009],
    ['too many fragments', () => fragments(Array.from({ length: 16_385 }, () => 'x'), 1), 1008],
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
    ['an array header of 4 billion items', () => frame(Buffer.from([0xdd, 255, 255, 255, 255, 0xc0]), { opcode: 2 }), 4500],
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
      tags: [5, null, [], { a: 1 }, { a: '' }, { '': 'a' }, { a: 'x'.repeat(129) }, Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`t${index}`, '1']))],
      echo: [0, 'false', null],
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
    ['a channel of more bytes than characters', `{"type":"subscribe","id":2,"channel":"any:${'é'.repeat(130)}"}`, 'bad-channel'],
    ['a channel with a line break', '{"type":"subscribe","id":2,"channel":"any:a\\nb"}', 'bad-channel'],
    ['a channel with a NUL', '{"type":"subscribe","id":2,"channel":"any:\\u0000"}', 'bad-channel'],
    ['a channel with a lone surrogate', '{"type":"subscribe","id":2,"channel":"any:\\ud800"}', 'bad-command'],
    ['a channel with a wildcard', '{"type":"subscribe","id":2,"channel":"any:*"}', 'bad-channel'],
    ['a channel of the prototype', '{"type":"subscribe","id":2,"channel":"__proto__"}', 'unknown-channel'],
    ['data nested 60,000 deep', `{"type":"publish","id":2,"channel":"any:a","data":${deep(60_000)}}`, 'bad-payload'],
    ['presence data nested 60,000 deep', `{"type":"presence","id":2,"channel":"chat:a","action":"enter","data":${deep(60_000)}}`, 'bad-payload'],
    ['a number beyond what numbers hold', '{"type":"publish","id":2,"channel":"any:a","data":1e999}', 'bad-payload'],
    ['bytes that are not base64', '{"type":"publish","id":2,"channel":"any:a","bytes":"%"}', 'bad-command'],
    ['a payload that is too large', `{"type":"publish","id":2,"channel":"any:a","data":"${'x'.repeat(65_536)}"}`, 'payload-too-large'],
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

describe('a handshake', () => {
  const refused: readonly [string, string, number, object?][] = [
    ['with a wrong method', handshake('/ws', {}, 'POST'), 405],
    ['without a key', handshake('/ws', { 'Sec-WebSocket-Key': undefined }), 400],
    ['with a key that is none', handshake('/ws', { 'Sec-WebSocket-Key': 'short' }), 400],
    ['of a version before', handshake('/ws', { 'Sec-WebSocket-Version': '7' }), 400],
    ['to something else', handshake('/ws', { Upgrade: 'h2c' }), 400],
    ['with broken subprotocols', handshake('/ws', { 'Sec-WebSocket-Protocol': 'tidings.v1.json,,' }), 400],
    ['on a wrong path', handshake('/nowhere'), 404, { code: 'not-found' }],
    ['of a foreign page', handshake('/ws', { Origin: 'https://evil.example' }), 403, { code: 'foreign-origin' }],
    ['of a page without an Origin of its own', handshake('/ws', { Origin: 'null' }), 403, { code: 'foreign-origin' }],
    ['with unknown subprotocols', handshake('/ws', { 'Sec-WebSocket-Protocol': 'chat, soap' }), 400, { code: 'unsupported-subprotocol' }],
    ['that is not HTTP', 'EHLO example\r\n\r\n', 400],
    ['with a header that is too large', handshake('/ws', { Cookie: 'x'.repeat(20_000) }), 431],
  ]

  test.each(refused)('%s is refused', async (_name, bytes, status, body) => {
    const raw = kept(new RawSocket(node.port))
    raw.write(bytes)
    await raw.ended
    expect(raw.status).toBe(status)
    if (body !== undefined) expect(raw.body).toMatchObject(body)
  })

  test('that is refused lets go of a peer that resets or never closes', async () => {
    for (let index = 0; index < 20; index++) {
      const raw = kept(new RawSocket(node.port))
      raw.write(handshake('/nowhere'))
      if (index % 2 === 0) raw.socket.resetAndDestroy()
      await raw.ended
    }
  })

  test('takes the first subprotocol of its own that is offered', async () => {
    const raw = await openRaw({ 'Sec-WebSocket-Protocol': 'soap, tidings.v1.msgpack, tidings.v1.json' })
    expect(raw.head).toMatch(/sec-websocket-protocol: tidings\.v1\.json/i)
    expect((await openRaw(MSGPACK)).head).toMatch(/sec-websocket-protocol: tidings\.v1\.msgpack/i)
    expect((await openRaw()).head).not.toMatch(/sec-websocket-protocol/i)
  })

  test('does not negotiate compression', async () => {
    const raw = await openRaw({ 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' })
    expect(raw.head).not.toMatch(/sec-websocket-extensions/i)
    raw.write(frame(Buffer.from([0xaa, 0x56, 0x4a]), { reserved: 4 }))
    expect(await raw.closeCode()).toBe(1002)
  })

  test('that never ends, or trickles, is ended by the HTTP server’s own deadline', async () => {
    const { createServer } = await import('node:http')
    const http = createServer({ headersTimeout: 200, requestTimeout: 200, connectionsCheckingInterval: 50 })
    const detach = node.tidings.attach(http)
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    const address = http.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const silent = kept(new RawSocket(port))
    silent.write('GET /ws HTTP/1.1\r\nHost: a\r\n')
    const trickling = kept(new RawSocket(port))
    const drops = setInterval(() => trickling.write('x'), 20)
    trickling.write('GET /ws HTTP/1.1\r\nX: ')
    await Promise.all([silent.ended, trickling.ended])
    clearInterval(drops)
    expect([silent.status, trickling.status]).toEqual([408, 408])
    detach()
    await new Promise((resolve) => http.close(resolve))
  })
})

describe('a connection', () => {
  test('that closes in the middle of a frame is let go', async () => {
    const raw = await session()
    raw.write(frame('x'.repeat(1000)).subarray(0, 500))
    raw.socket.end()
    await raw.ended
  })

  test('that sends frames after its close frame is answered once', async () => {
    const raw = await session()
    const goodbye = frame(Buffer.from([0x03, 0xe8]), { opcode: 8 })
    raw.write(Buffer.concat([frame('{"type":"ping","id":2}'), goodbye, frame('{"type":"ping","id":3}'), goodbye]))
    await raw.ended
    expect(raw.messages.slice(1)).toEqual([{ type: 'pong', id: 2 }])
    expect(raw.frames.filter(({ opcode }) => opcode === 8)).toHaveLength(1)
  })

  test('that is half open is let go', async () => {
    const raw = await session()
    raw.socket.end()
    await raw.ended
  })

  test('that sends pings without end and never reads costs bounded memory', async () => {
    const raw = await session()
    raw.socket.pause()
    const pings = Buffer.concat(Array.from({ length: 1000 }, () => frame('x'.repeat(125), { opcode: 9 })))
    for (let count = 0; count < 300; count++) {
      raw.write(pings)
      await endOfTurn()
    }
    await bystander.request({ type: 'ping' })
  })

  test('that sends 10,000 subscribes at once is limited', async () => {
    const raw = await session()
    const commands = Array.from({ length: 10_000 }, (_, index) => frame(`{"type":"subscribe","id":${index + 2},"channel":"any:${index}"}`))
    raw.write(Buffer.concat(commands))
    const isAnswered = (message: unknown): boolean => (message as { id?: number }).id === 10_001
    await raw.until(() => raw.messages.length >= 10_001 && raw.messages.some(isAnswered))
    const codes = raw.messages.map((message) => (message as { code?: string }).code)
    expect(codes.filter((code) => code === 'rate-limited').length).toBeGreaterThan(1000)
  })

  test('that floods with garbage in every way at once does not stop the others', async () => {
    const garbage = Buffer.from(Array.from({ length: 50_000 }, (_, index) => (index * 7919) % 251))
    const sockets = await Promise.all(Array.from({ length: 20 }, () => session()))
    for (const raw of sockets) raw.write(garbage)
    expect(await Promise.all(sockets.map((raw) => raw.closeCode()))).toEqual(sockets.map(() => 1002))
  })
})
