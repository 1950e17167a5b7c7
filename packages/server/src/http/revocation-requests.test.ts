import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect as connectSocket } from 'node:net'
import type { LocalNode, StartNodeOptions } from '@tidings/testing'
import { describe, expect, test } from 'vitest'
import { forged, inSeconds, p256, SECRET, startWithTokens, token } from '../access/token.fixture.js'
import { BackendError } from '../backend/backend.js'
import { memory } from '../backend/memory/index.js'
import { afterTest, type App, connect, LoggedLines, start } from '../node.fixture.js'

const REVOKED = { code: 4502, reason: 'revoked' }

/** A token of an operator for a minute. */
const operator = (claims: Readonly<Record<string, unknown>> = {}) =>
  token({ sub: 'olga', exp: inSeconds(60), tidings: { operator: true }, ...claims })

interface Operated {
  readonly node: LocalNode<App>
  readonly port: number
}

/** Where a node answers operators. */
const operate = async (node: LocalNode<App>): Promise<Operated> => {
  const http = createServer((request, response) => node.tidings.respondRevocation(request, response))
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  afterTest(() => {
    http.closeAllConnections()
    http.close()
  })
  return { node, port: (http.address() as AddressInfo).port }
}

const startOperated = async (options: Partial<StartNodeOptions<App>> = {}): Promise<Operated> =>
  operate(await startWithTokens({ logger: new LoggedLines(), ...options }))

interface Asked {
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly method?: string
}

const ask = async ({ port }: Operated, body: unknown, { token: bearer, headers, method = 'POST' }: Asked) => {
  const answer = await fetch(`http://127.0.0.1:${port}/`, {
    method,
    headers: { ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }), ...headers },
    ...(method === 'POST' && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const content = (await answer.json()) as { readonly code?: string; readonly message?: string }
  return { status: answer.status, headers: answer.headers, content }
}

const codeOf = async (operated: Operated, body: unknown, asked: Asked): Promise<string> => {
  const { status, content } = await ask(operated, body, asked)
  return `${status} ${content.code}`
}

const isRefused = async (node: LocalNode<App>, text: string): Promise<boolean> =>
  (await connect(node, { token: text })).received.some(({ type }) => type === 'error')

test('the log tells who asked to revoke and may not', async () => {
  const logger = new LoggedLines()
  const operated = await startOperated({ logger })
  await ask(operated, { user: 'ann' }, { token: 'nonsense' })
  await ask(operated, { user: 'ann' }, { token: await operator(), headers: { origin: 'https://evil.example' } })
  expect(logger.lines).toMatchObject([
    { level: 'info', fields: { code: 'unauthorized', command: 'revoke', remoteAddress: '127.0.0.1' } },
    { level: 'info', fields: { code: 'forbidden', command: 'revoke', origin: 'https://evil.example' } },
  ])
  expect(JSON.stringify(logger.lines)).not.toContain('nonsense')
})

describe('an operator', () => {
  test('revokes a user, a session and a token, and is told how many sessions ended', async () => {
    const logger = new LoggedLines()
    const operated = await startOperated({ logger })
    const { node } = operated
    const [ann, bob, eve] = [await token(), await token({ sub: 'bob' }), await token({ sub: 'eve', jti: 'lost' })]
    const clients = await Promise.all([ann, ann, bob, eve].map((text) => connect(node, { token: text })))
    const { session } = (await clients[2]?.next('connected')) ?? { session: '' }
    for (const [revocation, ended] of [
      [{ user: 'ann' }, 2],
      [{ session }, 1],
      [{ token: 'lost' }, 1],
      [{ user: 'nobody' }, 0],
    ] as const) {
      const { status, content, headers } = await ask(operated, revocation, { token: await operator() })
      expect([status, content]).toEqual([200, { revoked: revocation, ended }])
      expect(headers.get('cache-control')).toBe('no-store')
    }
    for (const { closed } of clients) expect(await closed).toEqual(REVOKED)
    for (const text of [ann, bob, eve]) expect(await isRefused(node, text)).toBe(true)
    expect(logger.lines.filter(({ level }) => level === 'warn')).toContainEqual({
      level: 'warn',
      text: 'an operator revoked access',
      fields: { user: 'ann', ended: 2, operator: 'olga', remoteAddress: '127.0.0.1' },
    })
  })

  test('goes on when somebody has flooded it with tokens that do not hold', async () => {
    const operated = await startOperated()
    const flood = Array.from({ length: 600 }, () => codeOf(operated, { user: 'ann' }, { token: 'no' }))
    expect(new Set(await Promise.all(flood))).toEqual(new Set(['401 unauthorized']))
    expect((await ask(operated, { user: 'ann' }, { token: await operator() })).status).toBe(200)
  })

  test('is told to slow down', async () => {
    const operated = await startOperated({ clock: { now: () => Date.now(), monotonic: () => 0 } })
    const text = await operator()
    const answers = Array.from({ length: 501 }, () => ask(operated, { user: 'ann' }, { token: text }))
    const refused = (await Promise.all(answers)).filter(({ status }) => status !== 200)
    expect(refused.map(({ status, content }) => [status, content.code])).toEqual([[429, 'rate-limited']])
    expect(refused[0]?.headers.get('retry-after')).toBe('1')
  })

  test('has a token that lets nobody connect', async () => {
    const { node } = await startOperated({ authenticate: () => ({ id: 'ann' }) })
    const client = await connect(node, { token: await operator() })
    expect(client.received).toMatchObject([
      { code: 'unauthorized', message: expect.stringContaining('lets nobody connect') as string },
    ])
    const user = await connect(node, { token: await token() })
    expect(await user.request({ type: 'refresh', token: await operator() })).toMatchObject({ code: 'unauthorized' })
  })

  test('whose token was revoked, or who was, is refused', async () => {
    const operated = await startOperated()
    const lost = await operator({ jti: 'lost' })
    const asked = { token: await operator() }
    await ask(operated, { token: 'lost' }, asked)
    expect(await codeOf(operated, { user: 'ann' }, { token: lost })).toBe('401 unauthorized')
    await ask(operated, { user: 'olga' }, asked)
    expect(await codeOf(operated, { user: 'ann' }, asked)).toBe('401 unauthorized')
  })
})

describe('a request to revoke is refused', () => {
  test.each<[string, string, () => Promise<string | undefined>]>([
    ['no token', '401 unauthorized', () => Promise.resolve(undefined)],
    ['nonsense', '401 unauthorized', () => Promise.resolve('nonsense')],
    ['a user’s token', '403 forbidden', () => token()],
    [
      'a user’s token that allows everything',
      '403 forbidden',
      () => token({ tidings: { allow: { '{all...}': ['subscribe', 'publish'] } } }),
    ],
    ['a user’s claim outside of tidings', '403 forbidden', () => token({ operator: true })],
    ['a permission that is not exactly true', '401 unauthorized', () => operator({ tidings: { operator: 'true' } })],
    [
      'a permission beside those of a user',
      '401 unauthorized',
      () => operator({ tidings: { operator: true, allow: {} } }),
    ],
    [
      'a token signed by nobody',
      '401 unauthorized',
      () => Promise.resolve(forged({ alg: 'none' }, { sub: 'olga', tidings: { operator: true } })),
    ],
    [
      'a token signed with another key',
      '401 unauthorized',
      () => token({ tidings: { operator: true } }, { key: Buffer.alloc(32) }),
    ],
    [
      'a token of another algorithm',
      '401 unauthorized',
      () => token({ tidings: { operator: true } }, { key: p256.privateKey, algorithm: 'ES256' }),
    ],
    ['a token that has expired', '401 unauthorized', () => operator({ iat: inSeconds(-60), exp: inSeconds(-10) })],
    ['a token that is not valid yet', '401 unauthorized', () => operator({ iat: inSeconds(30) })],
    ['a token that holds for more than an hour', '401 unauthorized', () => operator({ exp: inSeconds(3700) })],
    ['a token that does not say since when it holds', '401 unauthorized', () => operator({ iat: undefined })],
    ['a token that does not end', '401 unauthorized', () => operator({ exp: undefined })],
  ])('with %s', async (_name, expected, made) => {
    const operated = await startOperated({ tokens: { keys: [{ secret: SECRET }], requireExpiry: false } })
    const client = await connect(operated.node, { token: await token() })
    const text = await made()
    const { status, content, headers } = await ask(operated, { user: 'ann' }, text === undefined ? {} : { token: text })
    expect(`${status} ${content.code}`).toBe(expected)
    expect(headers.get('www-authenticate')).toBe(status === 401 ? 'Bearer' : null)
    if (text !== undefined) expect(content.message).not.toContain(text)
    expect(await client.request({ type: 'ping' })).toMatchObject({ type: 'pong' })
  })

  test('from a page, whatever it brings, and with another method', async () => {
    const operated = await startOperated()
    const asked = { token: await operator() }
    for (const origin of ['https://evil.example', `http://127.0.0.1:${operated.port}`, 'null']) {
      expect(await codeOf(operated, { user: 'ann' }, { ...asked, headers: { origin } })).toBe('403 forbidden')
    }
    for (const method of ['GET', 'PUT', 'OPTIONS']) {
      const { status, headers, content } = await ask(operated, '', { ...asked, method })
      expect([status, headers.get('allow'), content.code]).toEqual([405, 'POST', 'method-not-allowed'])
    }
  })

  test.each([
    '',
    'nonsense',
    '[]',
    'null',
    '"ann"',
    {},
    { user: '' },
    { user: 5 },
    { user: 'x'.repeat(129) },
    { user: 'ann', token: 'a' },
    { jti: 'a' },
    '{"__proto__":{"user":"ann"}}',
  ])('with the body %j', async (body) => {
    const operated = await startOperated()
    expect(await codeOf(operated, body, { token: await operator() })).toBe('400 bad-command')
  })

  test('with a body that is too large, of which no more is read', async () => {
    const operated = await startOperated()
    const body = JSON.stringify({ token: 'x'.repeat(40_000) })
    expect(await codeOf(operated, body, { token: await operator() })).toBe('413 payload-too-large')
    expect((await ask(operated, { token: 'x'.repeat(16_000) }, { token: await operator() })).status).toBe(200)
  })

  test('with a body that does not come, or that ends before its end', async () => {
    const { port } = await startOperated()
    const head = [
      'POST / HTTP/1.1',
      'Host: a',
      `Authorization: Bearer ${await operator()}`,
      'Content-Length: 20',
      '',
      '{',
    ]
    const silent = connectSocket(port, '127.0.0.1').setEncoding('latin1')
    let answer = ''
    silent.on('data', (text: string) => (answer += text))
    silent.write(head.join('\r\n'))
    const cut = connectSocket(port, '127.0.0.1')
    cut.end(head.join('\r\n'))
    await Promise.all([once(silent, 'close'), once(cut.resume(), 'close')])
    expect(answer).toMatch(/^HTTP\/1\.1 408 [^]*"code":"bad-command"/)
  })

  test('when the backend does not answer in time, and says that it is not known', async () => {
    const backend = memory()
    backend.state.set = () => new Promise(() => undefined)
    const operated = await startOperated({ backend })
    const { status, content } = await ask(operated, { user: 'ann' }, { token: await operator() })
    expect([status, content.code]).toEqual([503, 'unavailable'])
    expect(content.message).toContain('may be kept or not')
  })

  test('by a node that checks no tokens', async () => {
    for (const options of [{ dev: true }, {}]) {
      const operated = await operate(await start(options))
      const { status, content } = await ask(operated, { user: 'ann' }, { token: await operator() })
      expect([status, content.code]).toEqual([404, 'not-found'])
      expect(content.message).toContain('checks no tokens')
    }
  })

  test('by a node that is closing', async () => {
    const operated = await startOperated()
    await operated.node.tidings.close()
    expect(await codeOf(operated, { user: 'ann' }, { token: await operator() })).toBe('503 unavailable')
  })

  test.each([
    ['storage-full', '503 storage-full'],
    ['fenced', '503 unavailable'],
    [undefined, '500 internal'],
  ] as const)('when it cannot be kept (%s), and says so in the log', async (code, expected) => {
    const backend = memory()
    const error = code === undefined ? new Error('a secret of the backend') : new BackendError(code, 'It is full.')
    backend.state.set = () => Promise.reject(error)
    const logger = new LoggedLines()
    const operated = await startOperated({ backend, logger })
    const { status, content } = await ask(operated, { user: 'ann' }, { token: await operator() })
    expect(`${status} ${content.code}`).toBe(expected)
    expect(content.message).not.toContain('a secret')
    expect(logger.lines.map(({ text }) => text)).toEqual(['a revocation that an operator asked for failed'])
  })
})
