import type { IncomingMessage } from 'node:http'
import { describe, expect, test } from 'vitest'
import { connect, start } from '../node.fixture.js'
import { admitHandshake } from './admission.js'

const request = (headers: Readonly<Record<string, string>>, remoteAddress = '127.0.0.1'): IncomingMessage =>
  ({ headers, socket: { remoteAddress } }) as unknown as IncomingMessage

const code = (from: IncomingMessage, dev = false, origins: readonly string[] = []): string =>
  admitHandshake(from, { dev, origins })?.code ?? 'let in'

describe('a handshake', () => {
  test.each([
    ['no page', { host: 'a.example' }, 'let in'],
    ['its own page', { host: 'a.example', origin: 'https://a.example' }, 'let in'],
    ['its own page on a port', { host: 'A.example:8080', origin: 'http://a.example:8080' }, 'let in'],
    ['a listed page', { host: 'a.example', origin: 'https://app.example' }, 'let in'],
    ['a listed page with another scheme', { host: 'a.example', origin: 'http://app.example' }, 'foreign-origin'],
    ['a page on another port', { host: 'a.example:8080', origin: 'http://a.example:9090' }, 'foreign-origin'],
    ['a foreign page', { host: 'a.example', origin: 'https://b.example' }, 'foreign-origin'],
    ['a page whose name begins alike', { host: 'a.example', origin: 'https://a.example.evil' }, 'foreign-origin'],
    ['a page without an Origin of its own', { host: 'a.example', origin: 'null' }, 'foreign-origin'],
    ['an Origin that is none', { host: 'a.example', origin: 'a.example' }, 'foreign-origin'],
    ['an Origin without a Host', { origin: 'https://a.example' }, 'foreign-origin'],
  ])('of %s', (_name, headers, expected) => {
    expect(code(request(headers), false, ['https://app.example'])).toBe(expected)
  })
})

describe('the dev profile', () => {
  test.each([
    ['localhost', { host: 'localhost:8080' }, '127.0.0.1', 'let in'],
    ['127.0.0.1', { host: '127.0.0.1:8080', origin: 'http://127.0.0.1:8080' }, '127.0.0.1', 'let in'],
    ['IPv6', { host: '[::1]:8080' }, '::1', 'let in'],
    ['an IPv4 address within IPv6', { host: 'localhost' }, '::ffff:127.0.0.1', 'let in'],
    ['a foreign name that leads here', { host: 'evil.example:8080' }, '127.0.0.1', 'dev-foreign-host'],
    ['a name that begins alike', { host: 'localhost.evil.example' }, '127.0.0.1', 'dev-foreign-host'],
    ['no Host', {}, '127.0.0.1', 'dev-foreign-host'],
    ['another machine', { host: 'localhost' }, '192.168.0.5', 'dev-remote'],
    ['a foreign page', { host: 'localhost:8080', origin: 'https://evil.example' }, '127.0.0.1', 'foreign-origin'],
    [
      'another page of this machine',
      { host: 'localhost:8080', origin: 'http://localhost:3000' },
      '::1',
      'foreign-origin',
    ],
    ['a proxy', { host: 'localhost', 'x-forwarded-for': '1.2.3.4' }, '127.0.0.1', 'dev-forwarded'],
    ['a proxy that says so the new way', { host: 'localhost', forwarded: 'for=1.2.3.4' }, '127.0.0.1', 'dev-forwarded'],
    ['a tunnel', { host: 'localhost', 'x-forwarded-host': 'a.example' }, '127.0.0.1', 'dev-forwarded'],
    ['a cache', { host: 'localhost', via: '1.1 proxy' }, '127.0.0.1', 'dev-forwarded'],
  ])('answers %s', (_name, headers, address, expected) => {
    expect(code(request(headers as Record<string, string>, address), true)).toBe(expected)
  })

  test('takes the token as the user’s name, and makes the same guest for the same client', async () => {
    const node = await start({ dev: true })
    expect(await (await connect(node, { token: 'ada' })).next('connected')).toMatchObject({ user: 'ada' })
    const users = []
    for (const client of ['c1', 'c1', 'c2']) {
      users.push((await (await connect(node, { client })).next('connected')).user)
    }
    expect(users[0]).toMatch(/^guest-[0-9a-f]{6}$/)
    expect(users[0]).toBe(users[1])
    expect(users[0]).not.toBe(users[2])
    for (const token of ['x'.repeat(65), ' ada', 'a\nb']) {
      const client = await connect(node, { token: false })
      client.send({ type: 'connect', id: 1, token })
      expect(await client.closed).toMatchObject({ code: 4501 })
    }
  })

  test('allows what no rule mentions, and keeps to the rules that there are', async () => {
    const rules = { 'any:{name}': { subscribe: true } }
    const node = await start({ dev: true, allow: rules })
    const client = await connect(node)
    expect(await client.request({ type: 'publish', channel: 'any:a', data: 1 })).toMatchObject({ code: 'forbidden' })
    expect(await client.request({ type: 'publish', channel: 'long:a', data: 1 })).toMatchObject({ type: 'published' })
    expect(await client.request({ type: 'publish', channel: 'else', data: 1 })).toMatchObject({ type: 'published' })
  })
})
