import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect as connectSocket } from 'node:net'
import { setImmediate as endOfTurn } from 'node:timers/promises'
import { frame, handshake, RawSocket } from '@tidings/testing'
import { describe, expect, test } from 'vitest'
import { afterTest, LoggedLines, start, until } from '../node.fixture.js'
import type { Limits } from '../options.js'

interface Listening {
  readonly node: Awaited<ReturnType<typeof start>>
  readonly server: Server
  readonly port: number
}

/** A server of an application's own, which a node limits. `address`: where its connections seem to come from. */
const listen = async (
  listener: RequestListener,
  { limits = {}, address, logger }: { limits?: Partial<Limits>; address?: string; logger?: LoggedLines } = {},
): Promise<Listening> => {
  const node = await start({ limits, ...(logger === undefined ? {} : { logger }) })
  const server = createServer(listener)
  if (address !== undefined) {
    server.prependListener('connection', (socket) => Object.defineProperty(socket, 'remoteAddress', { value: address }))
  }
  node.tidings.limitSockets(server)
  node.tidings.attach(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  afterTest(() => {
    server.closeAllConnections()
    server.close()
  })
  return { node, server, port: (server.address() as AddressInfo).port }
}

/** Everything that the server says until it ends the connection. */
class Talk {
  text = ''
  isOver = false
  readonly socket

  constructor(port: number) {
    this.socket = connectSocket(port, '127.0.0.1').setEncoding('latin1')
    this.socket.on('error', () => undefined)
    this.socket.on('data', (part: string) => (this.text += part))
    this.socket.on('close', () => (this.isOver = true))
    afterTest(() => void this.socket.destroy())
  }

  get statuses(): readonly string[] {
    return [...this.text.matchAll(/HTTP\/1\.1 (\d+)/g)].flatMap(([, status]) => status ?? [])
  }
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`

const body = async (request: IncomingMessage): Promise<string> => {
  let text = ''
  for await (const chunk of request.setEncoding('latin1')) text += String(chunk)
  return text
}

/** Answers with the method, the path and the body, and notes how many requests were in flight at most. */
const echoing = () => {
  const seen = { inFlight: 0, most: 0, paths: new Array<string>() }
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    seen.inFlight += 1
    seen.most = Math.max(seen.most, seen.inFlight)
    seen.paths.push(request.url ?? '')
    response.on('close', () => (seen.inFlight -= 1))
    void body(request).then(async (text) => {
      await endOfTurn()
      response.end(`<${request.method} ${request.url} ${text}>`)
    })
  }
  return { seen, listener }
}

const answersIn = (text: string): readonly string[] => [...text.matchAll(/<[^>]*>/g)].map(([answer]) => answer)

describe('requests of one connection that do not wait for answers', () => {
  test('are begun one in a turn of the event loop, and answered in order', async () => {
    let inTurn = 0
    const { port } = await listen((request, response) => {
      inTurn += 1
      response.end(`<${request.url}>`)
    })
    const talk = new Talk(port)
    const count = 300
    talk.socket.write(Array.from({ length: count }, (_, index) => get(`/${index}`)).join(''))
    let most = 0
    while (answersIn(talk.text).length < count) {
      await endOfTurn()
      most = Math.max(most, inTurn)
      inTurn = 0
    }
    expect(most).toBe(1)
    expect(answersIn(talk.text)).toEqual(Array.from({ length: count }, (_, index) => `</${index}>`))
  })

  const post = (path: string, text: string): string =>
    `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${text.length}\r\n\r\n${text}`
  const chunked = (path: string, ...chunks: readonly string[]): string =>
    `POST ${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n` +
    [...chunks, ''].map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')
  const trailers = (path: string): string =>
    `POST ${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2\r\nhi\r\n0\r\nX: y\r\n\r\n`
  const awkward = '\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'
  const mixed = [
    get('/1'),
    post('/2', 'two'),
    `HEAD /3 HTTP/1.1\r\nHost: a\r\n\r\n`,
    chunked('/4', 'fo', 'ur'),
    post('/5', awkward),
    chunked('/6', awkward, 'x'.repeat(30_000)),
    trailers('/7'),
    `OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n`,
    `POST /8 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\neight`,
    post('/9', 'y'.repeat(200_000)),
    get('/10'),
  ].join('')
  const paths = ['/1', '/2', '/3', '/4', '/5', '/6', '/7', '*', '/8', '/9', '/10']

  test.each([
    ['in one write', mixed.length],
    ['in pieces of 977 bytes', 977],
    ['in pieces of 3 bytes', 3],
  ])('have one in flight, whatever their methods and bodies, %s', { timeout: 60_000 }, async (_how, pieceLength) => {
    const { seen, listener } = echoing()
    const { port } = await listen(listener)
    const talk = new Talk(port)
    talk.socket.setNoDelay(true)
    // The long bodies in larger pieces, or this takes as long as they are.
    const step = (at: number): number => (mixed.slice(at, at + 4) === 'yyyy' ? 65_536 : pieceLength)
    for (let at = 0; at < mixed.length; ) {
      const length = step(at)
      talk.socket.write(mixed.slice(at, at + length))
      at += length
      if (pieceLength < 1000) await endOfTurn()
    }
    await until(() => answersIn(talk.text).includes('<GET /10 >'))
    expect(seen.paths).toEqual(paths)
    expect(seen.most).toBe(1)
    // HEAD has no body.
    const expected = ['<GET /1 >', '<POST /2 two>', '<POST /4 four>', `<POST /5 ${awkward}>`]
    expect(answersIn(talk.text).slice(0, 4)).toEqual(expected)
    expect(talk.statuses.filter((status) => status === '200')).toHaveLength(paths.length)
  })

  test('are not read on while the answers are not read', async () => {
    const big = Buffer.alloc(8_000_000, 'x')
    let begun = 0
    const { port } = await listen((_request, response) => {
      begun += 1
      response.end(big)
    })
    const talk = new Talk(port)
    talk.socket.pause()
    talk.socket.write(get('/').repeat(100))
    await until(() => begun > 0)
    for (let turns = 0; turns < 200; turns++) await endOfTurn()
    expect(begun).toBe(1)
    talk.socket.resume()
    await until(() => begun > 2)
  })

  test('are dropped behind one that closes the connection', async () => {
    const { seen, listener } = echoing()
    const { port } = await listen(listener)
    const talk = new Talk(port)
    talk.socket.write(`GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n${get('/2')}`)
    await until(() => talk.isOver)
    expect(seen.paths).toEqual(['/1'])
    expect(talk.statuses).toEqual(['200'])
  })

  test('count with an expectation that Node refuses itself', async () => {
    const { node, port } = await listen((_request, response) => void response.end(), {
      limits: { requestsPerSecond: 1, requestBurst: 3 },
    })
    const talk = new Talk(port)
    talk.socket.write('GET / HTTP/1.1\r\nHost: a\r\nExpect: much\r\n\r\n'.repeat(10))
    await until(() => talk.isOver)
    expect(talk.statuses).toEqual(['417', '417', '417', '417', '429'])
    expect(node.tidings.limitsReached()).toEqual({ requestsPerSecond: 1 })
  })
})

describe('whoever answers', () => {
  test('hears at once that the client is gone', async () => {
    let closed = false
    const { port } = await listen((_request, response) => {
      response.write('one')
      response.on('close', () => (closed = true))
    })
    const talk = new Talk(port)
    talk.socket.write(get('/events'))
    await until(() => talk.text.includes('one'))
    talk.socket.end()
    await until(() => closed)
  })

  test('takes a body as slowly as it likes, and what is not taken is not read', async () => {
    let request: IncomingMessage | undefined
    const { server, port } = await listen((given, response) => {
      request = given
      given.on('end', () => response.end('done'))
    })
    const accepted = once(server, 'connection')
    const talk = new Talk(port)
    const length = 20_000_000
    talk.socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`)
    talk.socket.write(Buffer.alloc(length))
    const [socket] = (await accepted) as [{ readonly bytesRead: number }]
    await until(() => (request?.readableLength ?? 0) > 0)
    for (let turns = 0; turns < 500; turns++) await endOfTurn()
    expect(socket.bytesRead).toBeLessThan(1_000_000)
    request?.resume()
    await until(() => talk.text.includes('done'))
  })

  test('need not take a body, and the next request is heard', async () => {
    const { port } = await listen((_request, response) => void response.writeHead(404).end())
    const talk = new Talk(port)
    for (let times = 0; times < 2; times++) {
      talk.socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n${'x'.repeat(300_000)}`)
    }
    await until(() => talk.statuses.length === 2)
    expect(talk.statuses).toEqual(['404', '404'])
  })
})

describe('an address', () => {
  const limits = { requestsPerSecond: 1, requestBurst: 5 }
  const ok: RequestListener = (_request, response) => void response.end()

  test('is answered 429 beyond its rate, whatever connections it sends on, and that is counted and logged', async () => {
    const logger = new LoggedLines()
    const { node, port } = await listen(ok, { limits, address: '192.0.2.1', logger })
    const statuses: string[] = []
    for (let times = 0; times < 7; times++) {
      const talk = new Talk(port)
      talk.socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
      await until(() => talk.isOver)
      statuses.push(...talk.statuses)
      if (talk.statuses[0] === '429') {
        expect(talk.text).toContain('Retry-After: 1\r\n')
        expect(JSON.parse(talk.text.split('\r\n\r\n')[1] ?? '')).toMatchObject({ code: 'rate-limited' })
      }
    }
    expect(statuses).toEqual(['200', '200', '200', '200', '200', '429', '429'])
    expect(node.tidings.limitsReached()).toEqual({ requestsPerSecond: 2 })
    const refused = { level: 'info', fields: { code: 'rate-limited', remoteAddress: '192.0.2.1' } }
    expect(logger.lines).toMatchObject([
      { level: 'warn', fields: { limit: 'requestsPerSecond', times: 1, remoteAddress: '192.0.2.1' } },
      ...[refused, refused],
    ])
  })

  test('sends handshakes at the same rate', async () => {
    const { port } = await listen(ok, { limits: { ...limits, requestBurst: 1 }, address: '192.0.2.1' })
    const first = await RawSocket.open(port)
    const second = new RawSocket(port)
    second.write(handshake())
    await second.ended
    expect([second.status, second.body]).toEqual([429, expect.objectContaining({ code: 'rate-limited' })])
    first.socket.destroy()
  })

  test('of a proxy counts only what is sent before the last answer', async () => {
    const { node, port } = await listen(ok, { limits })
    const polite = new Talk(port)
    for (let count = 1; count <= 10; count++) {
      polite.socket.write(get('/'))
      await until(() => polite.statuses.length === count)
    }
    expect(node.tidings.limitsReached()).toEqual({})
    const rude = new Talk(port)
    rude.socket.write(get('/').repeat(10))
    await until(() => rude.isOver)
    expect(rude.statuses).toEqual(['200', '200', '200', '200', '200', '200', '429'])
  })
})

test('a WebSocket gets what was sent together with its handshake, and nothing of HTTP stays with it', async () => {
  const { node, port } = await listen((_request, response) => void response.end('<http>'))
  const raw = new RawSocket(port)
  raw.write(get('/'))
  await raw.until(() => raw.head !== '')
  const other = new RawSocket(port)
  other.write(Buffer.concat([Buffer.from(handshake()), frame('{"type":"connect","id":1,"token":"ada"}')]))
  await other.until(() => other.messages.length > 0)
  expect(other.messages[0]).toMatchObject({ type: 'connected', user: 'ada' })
  for (let index = 0; index < 50; index++) other.write(frame(`{"type":"ping","id":${index + 2}}`))
  await other.until(() => other.messages.flat().length === 51)
  other.write(get('/'))
  expect(await other.closeCode()).toBe(1002)
  expect(node.tidings.health().status).toBe('ok')
})

test('an upgrade that the application takes itself gets all of its bytes, in order', async () => {
  const { server, port } = await listen((_request, response) => void response.end())
  let text = ''
  server.on('upgrade', (request, socket, head) => {
    if (request.url !== '/own') return
    socket.on('error', () => socket.destroy())
    socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n')
    text += head.toString()
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
  })
  const talk = new Talk(port)
  const numbers = Array.from({ length: 20_000 }, (_, index) => `${index} `).join('')
  talk.socket.write(`GET /own HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: own\r\n\r\n${numbers}`)
  await until(() => text.length >= numbers.length)
  expect(text).toBe(numbers)
})
