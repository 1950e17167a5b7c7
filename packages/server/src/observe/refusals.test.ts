import { msgpackCodec } from '@tidings/protocol/msgpack'
import { frame, handshake, RawSocket } from '@tidings/testing'
import { describe, expect, test } from 'vitest'
import { connect, LoggedLines, start, until } from '../node.fixture.js'

type Node = Awaited<ReturnType<typeof start>>

const startLogged = async (options: Parameters<typeof start>[0] = {}): Promise<{ node: Node; logger: LoggedLines }> => {
  const logger = new LoggedLines()
  return { logger, node: await start({ logger, ...options }) }
}

const refusals = ({ lines }: LoggedLines): readonly Readonly<Record<string, unknown>>[] =>
  lines
    .filter(({ level, text }) => level === 'info' && text === 'a client was refused')
    .map(({ fields }) => fields as Readonly<Record<string, unknown>>)

const handshakeOf = async (node: Node, headers: Readonly<Record<string, string>>, path = '/ws'): Promise<void> => {
  const raw = new RawSocket(node.port)
  raw.write(handshake(path, headers))
  await raw.ended
}

describe('a handshake that is refused is logged', () => {
  test('with its Origin, its address, a code and a sentence', async () => {
    const { node, logger } = await startLogged()
    await handshakeOf(node, { Origin: 'https://evil.example' })
    expect(refusals(logger)).toEqual([
      {
        code: 'foreign-origin',
        why: expect.stringContaining('Origin') as string,
        remoteAddress: '127.0.0.1',
        origin: 'https://evil.example',
      },
    ])
  })

  test.each([
    ['dev-foreign-host', { Host: 'evil.example' }, { dev: true }],
    ['dev-forwarded', { 'X-Forwarded-For': '192.0.2.1' }, { dev: true }],
    ['unsupported-subprotocol', { 'Sec-WebSocket-Protocol': 'mqtt' }, {}],
  ] as const)('as %s', async (code, headers, options) => {
    const { node, logger } = await startLogged(options)
    await handshakeOf(node, { Origin: `http://127.0.0.1:${node.port}`, Host: `127.0.0.1:${node.port}`, ...headers })
    expect(refusals(logger)).toMatchObject([{ code, remoteAddress: '127.0.0.1' }])
  })

  test('as not-found on another path', async () => {
    const { node, logger } = await startLogged()
    await handshakeOf(node, {}, '/other')
    expect(refusals(logger)).toMatchObject([{ code: 'not-found' }])
  })

  test('as too-many-connections, on the echo path too', async () => {
    const { node, logger } = await startLogged({ limits: { maxConnections: 1 }, echoPath: '/echo' })
    await connect(node)
    await handshakeOf(node, {})
    await handshakeOf(node, {}, '/echo')
    expect(refusals(logger).map(({ code }) => code)).toEqual(['too-many-connections', 'too-many-connections'])
  })
})

describe('a client that is refused is logged', () => {
  test('with its Origin and session when its token does not hold', async () => {
    const { node, logger } = await startLogged()
    const origin = `http://127.0.0.1:${node.port}`
    const client = await connect(node, { token: 'bad', headers: { origin } })
    await client.closed
    expect(refusals(logger)).toEqual([
      {
        code: 'not-authenticated',
        why: expect.any(String) as string,
        command: 'connect',
        session: expect.any(String) as string,
        remoteAddress: '127.0.0.1',
        origin,
      },
    ])
  })

  test('with its name when it has as many connections as a user may', async () => {
    const { node, logger } = await startLogged({ limits: { maxConnectionsPerUser: 1 } })
    await connect(node, { token: 'ada' })
    const second = await connect(node, { token: 'ada' })
    await second.closed
    expect(refusals(logger)).toMatchObject([{ code: 'too-many-connections', command: 'connect', user: 'ada' }])
  })

  test.each([
    ['json', undefined],
    ['msgpack', msgpackCodec],
  ])('with user, session, channel and Origin for each command that is refused, in %s', async (_name, codec) => {
    const { node, logger } = await startLogged()
    const headers = { origin: `http://127.0.0.1:${node.port}` }
    const client = await connect(node, { token: 'ada', headers, ...(codec && { codec }) })
    const [connected] = client.received
    const session = connected?.type === 'connected' ? connected.session : ''
    await client.request({ type: 'subscribe', channel: 'private:bob' })
    await client.request({ type: 'publish', channel: 'private:ada', data: 1 })
    await client.request({ type: 'publish', channel: 'no:such', data: 1 })
    await client.request({ type: 'publish', channel: 'a b', data: 1 })
    await client.request({ type: 'history', channel: 'typing:a' })
    await client.request({ type: 'refresh', token: 'bad' })
    await client.request({ type: 'refresh', token: 'bob' })
    const whose = { user: 'ada', session, remoteAddress: '127.0.0.1', origin: headers.origin }
    expect(refusals(logger)).toMatchObject([
      { code: 'forbidden', command: 'subscribe', channel: 'private:bob', ...whose },
      { code: 'forbidden', command: 'publish', channel: 'private:ada', ...whose },
      { code: 'unknown-channel', command: 'publish', channel: 'no:such', ...whose },
      { code: 'bad-channel', command: 'publish', channel: 'a b', ...whose },
      { code: 'history-disabled', command: 'history', channel: 'typing:a', ...whose },
      { code: 'not-authenticated', command: 'refresh', ...whose },
      { code: 'user-changed', command: 'refresh', ...whose },
    ])
  })

  test('when a command is malformed, when it comes before connect, and when a frame is none', async () => {
    const { node, logger } = await startLogged()
    const client = await connect(node, { token: false })
    client.send({ type: 'ping', id: 1 })
    client.send({ type: 'no-such', id: 2 })
    client.send('{')
    expect(await client.closed).toMatchObject({ code: 4500 })
    expect(refusals(logger)).toMatchObject([
      { code: 'not-connected', command: 'ping' },
      { code: 'unknown-command' },
      { code: 'bad-frame' },
    ])
  })

  test('when its frames break the rules of WebSocket', async () => {
    const { node, logger } = await startLogged()
    for (const bytes of [frame('x', { reserved: 2 }), frame(Buffer.from([0xff]), {}), frame('x'.repeat(200_000))]) {
      const raw = await RawSocket.open(node.port)
      raw.write(bytes)
      await raw.ended
    }
    await until(() => refusals(logger).length === 3)
    expect(refusals(logger)).toMatchObject([
      { code: 'bad-frame', why: expect.stringContaining('RSV') as string },
      { code: 'bad-frame', why: expect.stringContaining('UTF-8') as string },
      { code: 'bad-frame', why: expect.stringContaining('payload') as string },
    ])
  })

  test('when it never connects', async () => {
    const { node, logger } = await startLogged({ limits: { connectDeadlineMs: 30 } })
    const client = await connect(node, { token: false })
    await client.closed
    expect(refusals(logger)).toMatchObject([{ code: 'connect-timeout', remoteAddress: '127.0.0.1' }])
  })
})

test('a client that connects is logged with its session at the level debug, and with a logger that has none not at all', async () => {
  const debugged: unknown[] = []
  const logger = Object.assign(new LoggedLines(), {
    debug: (text: string, fields?: object) => void debugged.push({ text, ...fields }),
  })
  const node = await start({ logger })
  const client = await connect(node, { token: 'ada' })
  const { session } = await client.next('connected')
  expect(debugged).toEqual([{ text: 'a client connected', user: 'ada', session, remoteAddress: '127.0.0.1' }])
  expect(logger.lines).toEqual([])
  await connect(await start({ logger: new LoggedLines() }), { token: 'ada' })
})

describe('a failure is logged with whose command it was', () => {
  test('when a schema throws', async () => {
    const { node, logger } = await startLogged()
    const client = await connect(node, { token: 'ada' })
    await client.request({ type: 'publish', channel: 'broken:a', data: 1 })
    expect(logger.lines).toMatchObject([
      {
        level: 'error',
        fields: {
          command: 'publish',
          channel: 'broken:a',
          user: 'ada',
          session: expect.any(String) as string,
          remoteAddress: '127.0.0.1',
          error: 'the schema is broken',
        },
      },
    ])
  })

  test('when authenticate throws, and on a refresh', async () => {
    const { node, logger } = await startLogged()
    const client = await connect(node, { token: 'broken' })
    await client.closed
    const ada = await connect(node, { token: 'ada' })
    await ada.request({ type: 'refresh', token: 'broken' })
    expect(logger.lines).toMatchObject([
      { level: 'error', fields: { command: 'connect', session: expect.any(String) as string } },
      { level: 'error', fields: { command: 'refresh', user: 'ada', session: expect.any(String) as string } },
    ])
  })
})

test('a flood of refusals writes a few lines, and the node counts the others', async () => {
  const { node, logger } = await startLogged()
  const client = await connect(node, { token: 'ada' })
  for (let times = 0; times < 200; times++) await client.request({ type: 'subscribe', channel: 'private:bob' })
  expect(refusals(logger)).toHaveLength(10)
  await node.close()
  expect(logger.lines.at(-1)).toMatchObject({ level: 'info', fields: { code: 'forbidden', times: 190 } })
})
