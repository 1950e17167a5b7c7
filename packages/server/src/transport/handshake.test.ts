import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, connect as connectSocket } from 'node:net'
import { fragments, frame, handshake, type RawHeaders, RawSocket } from '@tidings/testing'
import { describe, expect, test } from 'vitest'
import { answerBadRequests } from '../http/answer-bad-requests.js'
import { afterTest, connect, LoggedLines, nodeSide, start, until } from '../node.fixture.js'

type Node = Awaited<ReturnType<typeof start>>

/** The answer to a handshake that is refused, or `101`. */
const answerTo = async (port: number, bytes: string): Promise<RawSocket> => {
  const raw = new RawSocket(port)
  afterTest(() => void raw.socket.destroy())
  raw.write(bytes)
  await raw.until(() => raw.head !== '')
  if (raw.status !== 101) await raw.ended
  return raw
}

const offering = async (node: Node, offer: string): Promise<string> =>
  /^sec-websocket-extensions: (.*)$/im.exec(
    (await answerTo(node.port, handshake('/ws', { 'Sec-WebSocket-Extensions': offer }))).head,
  )?.[1] ?? 'none'

describe('a handshake is refused with JSON that says why', () => {
  const cases: readonly (readonly [string, string, number, string])[] = [
    ['by POST', handshake('/ws', {}, 'POST'), 405, 'method-not-allowed'],
    ['without a key', handshake('/ws', { 'Sec-WebSocket-Key': undefined }), 400, 'bad-handshake'],
    ['with a short key', handshake('/ws', { 'Sec-WebSocket-Key': 'short' }), 400, 'bad-handshake'],
    ['with two keys', handshake('/ws', { 'Sec-WebSocket-Key': ['a', 'b'] }), 400, 'bad-handshake'],
    [
      'with empty subprotocols',
      handshake('/ws', { 'Sec-WebSocket-Protocol': 'tidings.v1.json,,' }),
      400,
      'bad-handshake',
    ],
    ['without a version', handshake('/ws', { 'Sec-WebSocket-Version': undefined }), 400, 'bad-handshake'],
    ...['8', '7', '12', '14', '13, 8', '013', '13.0', ''].map(
      (version) =>
        [
          `of version '${version}'`,
          handshake('/ws', { 'Sec-WebSocket-Version': version }),
          426,
          'upgrade-required',
        ] as const,
    ),
    ['without a Host', handshake('/ws', { Host: undefined }), 400, 'bad-request'],
    ['with two Hosts', handshake('/ws', { Host: ['127.0.0.1', 'evil.example'] }), 400, 'bad-request'],
    ['with a Host twice', handshake('/ws', { Host: ['127.0.0.1', '127.0.0.1'] }), 400, 'bad-request'],
    ['with a Host that is none', handshake('/ws', { Host: 'a/b' }), 400, 'bad-request'],
    ['with a user in its target', handshake('http://user@127.0.0.1/ws'), 400, 'bad-request'],
    ['to an address without a host', handshake('http:///ws'), 400, 'bad-request'],
    ['to a file', handshake('file://127.0.0.1/ws'), 400, 'bad-request'],
    ['on a path that nobody serves', handshake('/nowhere'), 404, 'not-found'],
    ['to an address whose path nobody serves', handshake('http://127.0.0.1/nowhere'), 404, 'not-found'],
  ]
  test.each(cases)('%s', async (_name, bytes, status, code) => {
    const node = await start()
    const raw = await answerTo(node.port, bytes)
    expect([raw.status, raw.body]).toEqual([status, { code, message: expect.any(String) as string }])
    expect(raw.head).toMatch(/^content-type: application\/json/im)
  })

  test('and 426 names the version and the protocol', async () => {
    const node = await start()
    const { head } = await answerTo(node.port, handshake('/ws', { 'Sec-WebSocket-Version': '8' }))
    expect(head).toMatch(/^Sec-WebSocket-Version: 13$/im)
    expect(head).toMatch(/^Upgrade: websocket$/im)
    expect(head).toMatch(/^Connection: Upgrade, close$/im)
  })

  test('and the extensions of a node that compresses must be a list', async () => {
    const node = await start({ compression: true })
    const raw = await answerTo(node.port, handshake('/ws', { 'Sec-WebSocket-Extensions': 'permessage-deflate;' }))
    expect([raw.status, raw.body]).toMatchObject([400, { code: 'bad-handshake' }])
  })

  test('and the log names what ws itself refuses', async () => {
    const logger = new LoggedLines()
    const node = await start({ logger })
    await answerTo(node.port, handshake('/ws', { 'Sec-WebSocket-Key': 'short' }))
    expect(logger.lines).toMatchObject([{ level: 'info', fields: { code: 'bad-handshake' } }])
  })

  test('and an earlier version does not get past the Origin', async () => {
    const node = await start()
    const headers = { 'Sec-WebSocket-Version': '8', 'Sec-WebSocket-Origin': 'https://evil.example' }
    expect((await answerTo(node.port, handshake('/ws', headers))).status).toBe(426)
  })
})

describe('a handshake whose target is an address', () => {
  test.each(['http://live.example/ws', 'HTTPS://live.example:443/ws', 'ws://live.example/ws?a=b', 'wss://[::1]:80/ws'])(
    '%s is taken by its path',
    async (target) => {
      const node = await start()
      expect((await answerTo(node.port, handshake(target, { Host: 'other.example' }))).status).toBe(101)
    },
  )

  test('is of the host in the target, whatever the Host says', async () => {
    const node = await start()
    const answer = async (target: string, headers: RawHeaders): Promise<number> =>
      (await answerTo(node.port, handshake(target, headers))).status
    const page = { Origin: 'http://live.example' }
    expect(await answer('http://live.example/ws', { ...page, Host: 'other.example' })).toBe(101)
    expect(await answer('http://other.example/ws', { ...page, Host: 'live.example' })).toBe(403)
  })
})

describe('compression', () => {
  const agreed = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover'

  test.each([
    ['permessage-deflate', agreed],
    ['permessage-deflate; server_max_window_bits=1, permessage-deflate', agreed],
    ['permessage-deflate; client_max_window_bits=99', 'none'],
    ['permessage-deflate; server_no_context_takeover=1', 'none'],
    ['permessage-deflate; constructor', 'none'],
    ['permessage-deflate; __proto__=1', 'none'],
    ['x-webkit-deflate-frame', 'none'],
    [
      'permessage-deflate; server_max_window_bits=15',
      `permessage-deflate; server_max_window_bits=15${agreed.slice(18)}`,
    ],
    ['permessage-deflate; client_max_window_bits=9', `permessage-deflate; client_max_window_bits=9${agreed.slice(18)}`],
  ])('of the offer %s is %s', async (offer, expected) => {
    const node = await start({ compression: true })
    expect(await offering(node, offer)).toBe(expected)
  })

  test('is not spoken of by a node without it, whatever the offer', async () => {
    const node = await start()
    expect(await offering(node, 'permessage-deflate; ;')).toBe('none')
    expect(await offering(node, 'permessage-deflate')).toBe('none')
  })

  const text = 'compressible '.repeat(200)
  test.each([
    ['permessage-deflate; server_max_window_bits=15', true],
    ['permessage-deflate, permessage-deflate; server_max_window_bits=9', true],
    ['permessage-deflate; server_max_window_bits=8; client_max_window_bits', false],
    ['permessage-deflate; mystery', false],
  ])('after the offer %s of publications: %s', async (offer, isCompressed) => {
    const node = await start({ compression: true })
    const accepted = nodeSide(node)
    const raw = await RawSocket.open(node.port, '/ws', { 'Sec-WebSocket-Extensions': offer })
    const socket = await accepted
    raw.write(frame('[{"type":"connect","id":1},{"type":"subscribe","id":2,"channel":"long:a"}]'))
    await raw.until(() => raw.frames.some(({ payload }) => payload.includes('caught-up')))
    const before = socket.bytesWritten
    const { length } = raw.frames
    await node.tidings.channel('long:{name}', { name: 'a' }).publish(text)
    await raw.until(() => raw.frames.length > length)
    expect(socket.bytesWritten - before < text.length).toBe(isCompressed)
    raw.socket.destroy()
  })
})

interface Ordinary {
  readonly node: Node
  readonly server: Server
  readonly port: number
}

/** A server with an application's own requests, which answers what it was asked, and perhaps with the node's limits. */
const ordinary = async (isLimited: boolean): Promise<Ordinary> => {
  const node = await start({ limits: { maxConnections: 10 } })
  const listener: RequestListener = (request, response) => {
    void textOf(request).then((text) => response.end(`<${request.method} ${request.url} ${text}>`))
  }
  const server = createServer(listener)
  answerBadRequests(server)
  if (isLimited) node.tidings.limitSockets(server)
  node.tidings.attach(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  afterTest(() => {
    server.closeAllConnections()
    server.close()
  })
  return { node, server, port: (server.address() as AddressInfo).port }
}

const textOf = async (request: IncomingMessage): Promise<string> => {
  let text = ''
  for await (const chunk of request.setEncoding('latin1')) text += String(chunk)
  return text
}

const talk = (port: number) => {
  const said = { text: '', isOver: false }
  const socket = connectSocket(port, '127.0.0.1').setEncoding('latin1')
  socket.on('data', (part: string) => (said.text += part))
  socket.on('close', () => (said.isOver = true)).on('error', () => undefined)
  afterTest(() => void socket.destroy())
  return { said, socket }
}

const H2C =
  'Host: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n'

describe.each([true, false])('an upgrade to another protocol (limitSockets: %s)', (isLimited) => {
  test('is ignored, and the connection stays', async () => {
    const { port } = await ordinary(isLimited)
    const { said, socket } = talk(port)
    const count = 30
    for (let index = 0; index < count; index++) {
      socket.write(`GET /${index} HTTP/1.1\r\n${H2C}\r\n`)
      await until(() => said.text.includes(`<GET /${index} >`))
    }
    socket.write(`POST /body HTTP/1.1\r\n${H2C}Content-Length: 4\r\n\r\nbody`)
    await until(() => said.text.includes('<POST /body body>'))
    expect(said.text.match(/HTTP\/1\.1 200/g)).toHaveLength(count + 1)
    const { node } = await ordinary(isLimited)
    expect(node.tidings.limitsReached()).toEqual({})
  })

  test.each([
    ['longer than 64 KiB', 'Content-Length: 65537\r\n'],
    ['of a length not told', 'Transfer-Encoding: chunked\r\n'],
  ])('with a body %s is refused, and the connection ends', async (_what, header) => {
    const { port } = await ordinary(isLimited)
    const { said, socket } = talk(port)
    socket.write(`POST / HTTP/1.1\r\n${H2C}${header}\r\n`)
    socket.write('x'.repeat(100_000))
    await until(() => said.isOver)
    expect(said.text).toMatch(/^HTTP\/1\.1 400 /)
    expect(JSON.parse(said.text.split('\r\n\r\n')[1] ?? '')).toMatchObject({ code: 'bad-request' })
  })

  test('beside one to WebSocket gives the WebSocket', async () => {
    const { port } = await ordinary(isLimited)
    for (const upgrade of ['h2c, websocket', 'WebSocket, h2c']) {
      const raw = await RawSocket.open(port, '/ws', { Upgrade: upgrade })
      raw.write(frame('{"type":"connect","id":1}'))
      await raw.until(() => raw.messages.length > 0)
      raw.socket.destroy()
    }
  })

  test('of HTTP/1.0 is ignored, also one to WebSocket', async () => {
    const { port } = await ordinary(isLimited)
    const { said, socket } = talk(port)
    socket.write(handshake('/ws', {}, 'GET', 'HTTP/1.0'))
    await until(() => said.isOver)
    expect(said.text).toMatch(/^HTTP\/1\.1 200 [^]*<GET \/ws >$/)
  })

  test('is left to the application where it has a listener of its own', async () => {
    const { server, port } = await ordinary(isLimited)
    server.on('upgrade', (request, socket) => {
      socket.on('error', () => socket.destroy())
      if (request.url === '/own') socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\nown')
    })
    const { said, socket } = talk(port)
    socket.write(`GET /own HTTP/1.1\r\n${H2C}\r\n`)
    await until(() => said.text.endsWith('own'))
  })

  test('does not count the connection twice', async () => {
    const { node, server, port } = await ordinary(isLimited)
    const talks = Array.from({ length: 60 }, () => talk(port))
    for (const { socket } of talks) socket.write(`GET /x HTTP/1.1\r\n${H2C}\r\n`)
    await until(() => talks.every(({ said }) => said.text.includes('<GET /x >')))
    expect(node.tidings.limitsReached()).toEqual({})
    for (const { socket } of talks) socket.destroy()
    const count = (): Promise<number> =>
      new Promise((resolve) => server.getConnections((_error, connections) => resolve(connections)))
    await expect.poll(count).toBe(0)
    await (await connect({ url: `ws://127.0.0.1:${port}/ws` })).close()
  })
})

// Without limits Node parses the requests behind it while it is not answered yet.
test('an upgrade to another protocol with requests behind it keeps their order', async () => {
  const { port } = await ordinary(true)
  const { said, socket } = talk(port)
  const body = 'x'.repeat(65_536)
  socket.write(
    `GET /1 HTTP/1.1\r\n${H2C}\r\nPOST /2 HTTP/1.1\r\n${H2C}Content-Length: ${body.length}\r\n\r\n${body}` +
      `HEAD /3 HTTP/1.1\r\n${H2C}\r\nGET /4 HTTP/1.1\r\nHost: a\r\n\r\n`,
  )
  await until(() => said.text.includes('<GET /4 >'))
  expect([...said.text.matchAll(/<(\w+ \/\d)/g)].map(([, asked]) => asked)).toEqual(['GET /1', 'POST /2', 'GET /4'])
  expect(said.text.match(/HTTP\/1\.1 200/g)).toHaveLength(4)
  expect(said.text).toContain(`<POST /2 ${body}>`)
})

describe('what Node’s HTTP server refuses is answered with JSON', () => {
  test.each([
    ['bytes that are not HTTP', 'EHLO example\r\n\r\n', 400, 'bad-request'],
    ['a header that is too large', handshake('/ws', { Cookie: 'x'.repeat(20_000) }), 431, 'headers-too-large'],
    ['a tunnel', 'CONNECT example:80 HTTP/1.1\r\nHost: example:80\r\n\r\n', 405, 'method-not-allowed'],
    [
      'an expectation',
      'GET / HTTP/1.1\r\nHost: a\r\nExpect: much\r\nConnection: close\r\n\r\n',
      417,
      'unknown-expectation',
    ],
  ])('%s', async (_what, bytes, status, code) => {
    for (const isLimited of [true, false]) {
      const { port } = await ordinary(isLimited)
      const raw = await answerTo(port, bytes)
      expect([raw.status, raw.body]).toMatchObject([status, { code }])
    }
  })
})

test.each([
  [65_537, 65_536, undefined],
  [65_537, 65_537, 1008],
  [2, 1, undefined],
  [2, 2, 1008],
])('with maxFragments %s, %s fragments and an empty last one: %s', async (maxFragments, count, code) => {
  const node = await start({ limits: { maxFragments } })
  const raw = await RawSocket.open(node.port)
  raw.write(frame('{"type":"connect","id":1}'))
  await raw.until(() => raw.messages.length > 0)
  const spaces = new Array<string>(count - 1).fill(' ')
  raw.write(fragments(['{"type":"ping","id":2}', ...spaces, ''], 1))
  await raw.until(() => raw.messages.length > 1 || raw.receivedClose !== undefined)
  expect([raw.messages[1], raw.receivedClose]).toEqual(
    code === undefined ? [{ type: 'pong', id: 2 }, undefined] : [undefined, code],
  )
  raw.socket.destroy()
})

test('upgrades to other protocols without end make the node keep no more than one', async () => {
  const { server, port } = await ordinary(true)
  const accepted = once(server, 'connection')
  const { said, socket } = talk(port)
  socket.write(`GET /x HTTP/1.1\r\n${H2C}\r\n`.repeat(40_000))
  const [ofServer] = (await accepted) as [{ readonly readableLength: number; readonly bytesRead: number }]
  let most = 0
  while ((said.text.match(/<GET/g) ?? []).length < 200) {
    most = Math.max(most, ofServer.readableLength)
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(most).toBeLessThan(300_000)
  expect(ofServer.bytesRead).toBeLessThan(1_000_000)
  socket.destroy()
})
