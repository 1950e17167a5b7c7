import { once } from 'node:events'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createHttpServer, HTTP_TIMEOUTS, listen } from './http.js'
import { createRedirectServer } from './redirect.js'

const TIMEOUTS = { ...HTTP_TIMEOUTS, headersTimeout: 300, connectionsCheckingInterval: 20 }

const serve = (server: Server): Promise<number> => {
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return listen(server, '127.0.0.1', 0)
}

const pages = (dev = false): Server =>
  createHttpServer(
    {
      health: { respondHealth: (_request, response) => void response.end('healthy') },
      revocations: { respondRevocation: (_request, response) => void response.end() },
      servePages: () => false,
      dev,
      echo: undefined,
      hsts: false,
    },
    TIMEOUTS,
  )

const SERVERS: readonly (readonly [string, () => Server])[] = [
  ['the node’s own server', pages],
  ['the server that redirects', () => createRedirectServer({ port: 8443 }, TIMEOUTS)],
]

/** All that it says until it ends the connection. */
const answerTo = async (port: number, bytes: string): Promise<string> => {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1')
  onTestFinished(() => void socket.destroy())
  let text = ''
  socket.on('data', (part: string) => (text += part)).on('error', () => undefined)
  socket.write(bytes)
  await once(socket, 'close')
  return text
}

const refusalOf = (answer: string): readonly [number, unknown] => {
  const [head = '', body = ''] = answer.split('\r\n\r\n')
  expect(head).toMatch(/^content-type: application\/json/im)
  return [Number(head.split(' ')[1]), JSON.parse(body)]
}

const CLOSE = 'Connection: close\r\n\r\n'

describe.each(SERVERS)('%s refuses with JSON', (_which, make) => {
  it.each([
    ['bytes that are not HTTP', 'EHLO example\r\n\r\n', 400, 'bad-request'],
    [
      'headers over 16 KiB',
      `GET / HTTP/1.1\r\nHost: a\r\nCookie: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
      'headers-too-large',
    ],
    ['a request that does not end', 'GET / HTTP/1.1\r\nHost: a\r\n', 408, 'request-timeout'],
    ['no Host', `GET / HTTP/1.1\r\n${CLOSE}`, 400, 'bad-request'],
    ['two Hosts', `GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n${CLOSE}`, 400, 'bad-request'],
    ['a Host that is none', `GET / HTTP/1.1\r\nHost: a/b\r\n${CLOSE}`, 400, 'bad-request'],
    ['a target that is no path', `GET x HTTP/1.1\r\nHost: a\r\n${CLOSE}`, 400, 'bad-request'],
    ['a target with a user', `GET http://u@a/ HTTP/1.1\r\nHost: a\r\n${CLOSE}`, 400, 'bad-request'],
    ['a tunnel', 'CONNECT example:80 HTTP/1.1\r\nHost: example:80\r\n\r\n', 405, 'method-not-allowed'],
    ['an unknown expectation', `GET / HTTP/1.1\r\nHost: a\r\nExpect: much\r\n${CLOSE}`, 417, 'unknown-expectation'],
  ])('%s', async (_what, bytes, status, code) => {
    const port = await serve(make())
    expect(refusalOf(await answerTo(port, bytes))).toEqual([status, { code, message: expect.any(String) as string }])
  })
})

describe('a target that is an address', () => {
  const get = (target: string, host = 'a'): string => `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${CLOSE}`

  it('is served by its path', async () => {
    const port = await serve(pages())
    for (const target of ['http://live.example/healthz', 'https://live.example:443/healthz?x']) {
      expect(await answerTo(port, get(target))).toMatch(/^HTTP\/1\.1 200 [^]*healthy$/)
    }
    expect(await answerTo(port, get('http://live.example'))).toMatch(/^HTTP\/1\.1 404 /)
  })

  it('decides about the host under the dev profile', async () => {
    const port = await serve(pages(true))
    expect(await answerTo(port, get('http://localhost/healthz', 'evil.example'))).toMatch(/^HTTP\/1\.1 200 /)
    expect(refusalOf(await answerTo(port, get('http://evil.example/healthz', 'localhost')))).toMatchObject([
      403,
      { code: 'dev-foreign-host' },
    ])
  })

  it('is redirected to its own host', async () => {
    const port = await serve(createRedirectServer({ port: 443 }, TIMEOUTS))
    const answer = await answerTo(port, get('http://live.example:80/x?y', 'evil.example'))
    expect(answer).toMatch(/^HTTP\/1\.1 308 /)
    expect(answer).toMatch(/^location: https:\/\/live\.example\/x\?y$/im)
  })
})

it('a request of HTTP/1.0 needs no Host', async () => {
  const port = await serve(pages())
  expect(await answerTo(port, 'GET /healthz HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /)
})

it('426 says which upgrade is required, and keeps or ends the connection as it was asked', async () => {
  const port = await serve(pages())
  const kept = await answerTo(port, `GET /ws HTTP/1.1\r\nHost: a\r\n\r\nGET /ws HTTP/1.1\r\nHost: a\r\n${CLOSE}`)
  expect(kept.match(/^HTTP\/1\.1 426 /gm)).toHaveLength(2)
  expect(kept.match(/^upgrade: websocket$/gim)).toHaveLength(2)
  expect([...kept.matchAll(/^connection: (.*)$/gim)].map(([, value]) => value?.trim())).toEqual([
    'Upgrade',
    'Upgrade, close',
  ])
})
