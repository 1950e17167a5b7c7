import { setImmediate as endOfTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { frame, handshake, RawSocket } from '@tidings/testing'
import { describe, expect, test } from 'vitest'
import { bystander, kept, MSGPACK, node, openRaw, session } from './bystander.fixture.js'
import { nodeSide } from './node.fixture.js'

/** In buffers, after all garbage was collected. */
const heldBytes = (): number => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  // The memory of buffers is given back by another thread, for which the next collection waits.
  collect()
  return process.memoryUsage().arrayBuffers
}

describe('a handshake', () => {
  const refused: readonly [string, string, number, object?][] = [
    ['on a wrong path', handshake('/nowhere'), 404, { code: 'not-found' }],
    ['of a foreign page', handshake('/ws', { Origin: 'https://evil.example' }), 403, { code: 'foreign-origin' }],
    ['of a page without an Origin of its own', handshake('/ws', { Origin: 'null' }), 403, { code: 'foreign-origin' }],
    [
      'with unknown subprotocols',
      handshake('/ws', { 'Sec-WebSocket-Protocol': 'chat, soap' }),
      400,
      { code: 'unsupported-subprotocol' },
    ],
    ['without a key', handshake('/ws', { 'Sec-WebSocket-Key': undefined }), 400, { code: 'bad-handshake' }],
    ['of an earlier version', handshake('/ws', { 'Sec-WebSocket-Version': '8' }), 426, { code: 'upgrade-required' }],
    // Without `answerBadRequests`: Node's own answers.
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
    const accepted = nodeSide(node)
    const raw = await session()
    const socket = await accepted
    raw.socket.pause()
    const pings = Buffer.concat(Array.from({ length: 1000 }, () => frame('x'.repeat(125), { opcode: 9 })))
    let most = 0
    for (let count = 0; count < 600; count++) {
      raw.write(pings)
      while (raw.socket.writableLength > 0) await endOfTurn()
      most = Math.max(most, socket.writableLength)
    }
    await bystander.request({ type: 'ping' })
    // Pongs that the peer does not read wait in the systems' buffers only.
    expect(most).toBeLessThan(1_000_000)
  })

  test('that sends 10,000 subscribes at once is limited', async () => {
    const raw = await session()
    const commands = Array.from({ length: 10_000 }, (_, index) =>
      frame(`{"type":"subscribe","id":${index + 2},"channel":"any:${index}"}`),
    )
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

  test('that sent garbage does not hold what was read while it stays', async () => {
    const garbage = Buffer.alloc(64 * 1024, 0xff)
    const sockets = await Promise.all(Array.from({ length: 50 }, () => session()))
    const before = heldBytes()
    for (const raw of sockets) {
      raw.socket.allowHalfOpen = true
      raw.write(garbage)
    }
    await Promise.all(sockets.map((raw) => raw.until(() => raw.receivedClose !== undefined)))
    expect(heldBytes() - before).toBeLessThan((sockets.length / 4) * garbage.length)
    expect(sockets.filter((raw) => raw.isOver())).toEqual([])
  })
})
