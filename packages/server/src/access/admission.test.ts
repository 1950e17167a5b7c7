import type { IncomingMessage } from 'node:http'
import { describe, expect, test } from 'vitest'
import { memory } from '../backend/memory/index.js'
import { connect, start } from '../node.fixture.js'
import { checkOptions } from '../options-check.js'
import type { ForwardingHeader } from './client-address.js'
import { admitHandshake } from './admission.js'

const request = (headers: Readonly<Record<string, string>>, remoteAddress = '127.0.0.1', encrypted = false) =>
  ({ headers, socket: { remoteAddress, ...(encrypted && { encrypted }) } }) as unknown as IncomingMessage

const isTrustedProxy = (address: string): boolean => address === '10.0.0.1'

const code = (
  from: IncomingMessage,
  dev = false,
  origins: readonly string[] = [],
  hosts?: readonly string[],
  proxyHeader: ForwardingHeader = 'x-forwarded-for',
): string => admitHandshake(from, { dev, origins, hosts, isTrustedProxy, proxyHeader })?.code ?? 'let in'

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

describe('an Origin', () => {
  const listed = (entries: readonly string[], origin: string, host = 'live.example'): string =>
    code(request({ host, origin }), false, checkOptions({ dev: true, backend: memory(), origins: entries }).origins)

  test.each([
    ['capacitor://localhost', 'capacitor://localhost'],
    ['ionic://localhost/', 'ionic://localhost'],
    ['tauri://localhost:1420', 'tauri://localhost:1420'],
    ['app://.', 'app://.'],
    ['chrome-extension://abcdefghijklmnopabcdefghijklmnop', 'chrome-extension://abcdefghijklmnopabcdefghijklmnop'],
    ['safari-web-extension://E0B4-FF', 'safari-web-extension://e0b4-ff'],
    ['https://App.Example:443/', 'https://app.example'],
    ['http://app.example:080', 'http://app.example'],
    ['http://[0:0::1]:5173', 'http://[::1]:5173'],
    ['https://bücher.example', 'https://xn--bcher-kva.example'],
    ['https://app.example.', 'https://app.example.'],
  ])('listed as %s lets the page %s in, and no page without an origin', (entry, origin) => {
    const entries = ['https://other.example', entry]
    expect(listed(entries, origin)).toBe('let in')
    const others = [
      'null',
      'NULL',
      'null, null',
      '',
      'undefined',
      `${origin}.evil`,
      `${origin}x`,
      `x${origin}`,
      'file://',
    ]
    for (const other of others) expect([other, listed(entries, other)]).toEqual([other, 'foreign-origin'])
  })

  test.each([
    ['capacitor://localhost', 'capacitor://evil'],
    ['capacitor://localhost', 'ionic://localhost'],
    ['capacitor://localhost', 'capacitor://'],
    ['capacitor://localhost', 'https://localhost'],
    ['https://app.example', 'https://app.example.'],
    ['https://app.example', 'https://app.example:8443'],
    ['https://app.example', 'https://app.example@evil.example'],
    ['https://app.example', 'https://evil.example#https://app.example'],
    ['https://app.example', 'blob:https://app.example'],
    ['https://app.example', 'blob:https://app.example/5'],
    ['https://app.example', 'wss://app.example'],
    ['https://app.example', 'https://app.example//'],
    ['https://app.example', 'https://app.example/x'],
    ['https://app.example', 'https://app.example, https://app.example'],
    ['https://app.example', 'https:/app.example'],
    ['https://app.example', 'https:\\\\app.example'],
    ['https://app.example', 'https://app%2eexample'],
    ['https://app.example', 'https://app.exa\tmple'],
  ])('listed as %s does not let %s in', (entry, origin) => {
    expect(listed([entry], origin)).toBe('foreign-origin')
  })

  test.each([
    ['live.example:443', 'https://live.example', 'let in'],
    ['live.example', 'https://live.example:443', 'let in'],
    ['live.example', 'https://live.example/', 'let in'],
    ['LIVE.example:80', 'http://live.example', 'let in'],
    ['[::1]:443', 'https://[0::1]', 'let in'],
    ['xn--bcher-kva.example', 'https://xn--bcher-kva.example', 'let in'],
    ['live.example:80', 'https://live.example', 'foreign-origin'],
    ['live.example:443', 'http://live.example', 'foreign-origin'],
    ['live.example:8443', 'https://live.example', 'foreign-origin'],
    ['live.example.', 'https://live.example', 'foreign-origin'],
    ['127.0.0.1:8080', 'http://localhost:8080', 'let in'],
    ['localhost:8080', 'http://[::1]:8080', 'let in'],
    ['[::1]', 'http://127.0.0.1:80', 'let in'],
    ['127.0.0.1:8080', 'http://localhost:5173', 'foreign-origin'],
    ['127.0.0.1:8080', 'app://localhost:8080', 'foreign-origin'],
    ['127.0.0.2:8080', 'http://localhost:8080', 'foreign-origin'],
    ['localhost.evil.example:8080', 'http://localhost:8080', 'foreign-origin'],
    // An app or an extension may call its own host as it likes.
    ['live.example', 'app://live.example', 'foreign-origin'],
    ['live.example', 'wss://live.example', 'foreign-origin'],
    ['live.example', 'ftp://live.example', 'foreign-origin'],
    ['evil@live.example', 'https://live.example', 'foreign-origin'],
    ['live.example/x', 'https://live.example', 'foreign-origin'],
    ['', 'https://live.example', 'foreign-origin'],
  ])('asking the host %s from %s is %s: default ports are equal to none', (host, origin, expected) => {
    expect(listed([], origin, host)).toBe(expected)
  })

  test('is foreign where there is no Host, however it is called', () => {
    expect(code(request({ origin: 'http://undefined' }))).toBe('foreign-origin')
  })
})

describe('where the server knows its names, a handshake', () => {
  test.each([
    ['no page', { host: 'evil.example' }, 'let in'],
    ['a page under its name', { host: 'Live.example', origin: 'https://live.example' }, 'let in'],
    ['a page under its name on a port', { host: 'live.example:81', origin: 'http://live.example:81' }, 'let in'],
    ['a page by its address', { host: '[::1]:81', origin: 'http://[::1]:81' }, 'let in'],
    ['a listed page', { host: 'live.example', origin: 'https://app.example' }, 'let in'],
    ['a page whose name was pointed at it', { host: 'evil.example', origin: 'https://evil.example' }, 'foreign-origin'],
    ['the same on a port', { host: 'evil.example:81', origin: 'http://evil.example:81' }, 'foreign-origin'],
    ['a name below its own', { host: 'a.live.example', origin: 'https://a.live.example' }, 'foreign-origin'],
    ['its name with a dot behind', { host: 'live.example.', origin: 'https://live.example.' }, 'foreign-origin'],
    ['its name as the page, another host', { host: 'evil.example', origin: 'https://live.example' }, 'foreign-origin'],
  ])('of %s', (_name, headers, expected) => {
    expect(code(request(headers), false, ['https://app.example'], ['live.example', '[::1]'])).toBe(expected)
  })
})

describe('a page of the server’s own host', () => {
  const PROXY = '10.0.0.1'
  const STRANGER = '192.0.2.1'
  const CASES: readonly (readonly [string, string, boolean, Readonly<Record<string, string>>, string, string])[] = [
    // What reaches the server, from whom, over TLS, with which headers; a page of http; a page of https.
    ['plain, directly', STRANGER, false, {}, 'let in', 'let in'],
    [
      'plain, through a proxy that is not trusted',
      STRANGER,
      false,
      { 'x-forwarded-proto': 'https' },
      'let in',
      'let in',
    ],
    ['plain, through one that says nothing', PROXY, false, {}, 'let in', 'let in'],
    ['plain, through one within the machine', '127.0.0.1', false, {}, 'let in', 'let in'],
    ['TLS', STRANGER, true, {}, 'foreign-origin', 'let in'],
    ['TLS, and a stranger’s header', STRANGER, true, { 'x-forwarded-proto': 'http' }, 'foreign-origin', 'let in'],
    ['TLS from a proxy that says nothing', PROXY, true, {}, 'let in', 'let in'],
    ['TLS from a proxy that got it plain', PROXY, true, { 'x-forwarded-proto': 'http' }, 'let in', 'let in'],
    ['TLS at the proxy', PROXY, false, { 'x-forwarded-proto': 'https' }, 'foreign-origin', 'let in'],
    [
      'TLS at a proxy by its mapped address',
      '::ffff:10.0.0.1',
      false,
      { 'x-forwarded-proto': 'https' },
      'foreign-origin',
      'let in',
    ],
    ['TLS at a proxy that says wss', PROXY, false, { 'x-forwarded-proto': 'WSS' }, 'foreign-origin', 'let in'],
    ['plain at a proxy that says ws', PROXY, false, { 'x-forwarded-proto': 'ws' }, 'let in', 'let in'],
    [
      'TLS at the outer of two proxies',
      PROXY,
      false,
      { 'x-forwarded-proto': 'https, http' },
      'foreign-origin',
      'let in',
    ],
    ['TLS at the inner of two proxies', PROXY, false, { 'x-forwarded-proto': 'http,https' }, 'let in', 'let in'],
    [
      'plain at an inner proxy that forgets the outer',
      PROXY,
      false,
      { 'x-forwarded-proto': 'http' },
      'let in',
      'let in',
    ],
    ['what only Forwarded says is TLS', PROXY, false, { forwarded: 'proto=https' }, 'let in', 'let in'],
    [
      'TLS, and a Forwarded that says otherwise',
      PROXY,
      false,
      { 'x-forwarded-proto': 'https', forwarded: 'proto=http' },
      'foreign-origin',
      'let in',
    ],
    ['an empty header', PROXY, false, { 'x-forwarded-proto': '' }, 'let in', 'let in'],
  ]
  test.each(CASES)('over %s', (_name, address, encrypted, headers, ofHttp, ofHttps) => {
    const of = (origin: string) => code(request({ host: 'a.example', origin, ...headers }, address, encrypted))
    expect([of('http://a.example'), of('https://a.example')]).toEqual([ofHttp, ofHttps])
    expect(of('https://b.example')).toBe('foreign-origin')
  })

  test.each([
    ['TLS', 'for=192.0.2.1;proto=https', 'foreign-origin'],
    ['TLS in quotes', 'Proto="https";for=a, proto=http', 'foreign-origin'],
    ['no TLS', 'for=192.0.2.1;proto=http', 'let in'],
    ['nothing', 'for=192.0.2.1', 'let in'],
    ['it twice', 'proto=https;proto=https', 'let in'],
    ['what is malformed', 'proto=https;;', 'let in'],
  ])('over a proxy that says %s in Forwarded, where that is believed', (_name, forwarded, ofHttp) => {
    for (const other of [{}, { 'x-forwarded-proto': 'https' }, { 'x-forwarded-proto': 'http' }]) {
      const of = (origin: string) =>
        code(request({ host: 'a.example', origin, forwarded, ...other }, PROXY), false, [], undefined, 'forwarded')
      expect([of('http://a.example'), of('https://a.example')]).toEqual([ofHttp, 'let in'])
    }
  })

  test('is let in over plain http to a server with TLS when it is listed', () => {
    const from = request({ host: 'a.example', origin: 'http://a.example' }, STRANGER, true)
    expect([code(from), code(from, false, ['http://a.example'])]).toEqual(['foreign-origin', 'let in'])
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
    ['a foreign page of a listed kind', { host: 'localhost:8080', origin: 'app://localhost' }, '::1', 'foreign-origin'],
    ['a page without an origin', { host: 'localhost:8080', origin: 'null' }, '::1', 'foreign-origin'],
    ['a bundler’s page', { host: 'localhost:8080', origin: 'http://localhost:5173' }, '::1', 'let in'],
    ['a bundler’s page with TLS', { host: '127.0.0.1:8080', origin: 'https://localhost:5173' }, '127.0.0.1', 'let in'],
    ['a page by address', { host: 'localhost:8080', origin: 'http://127.0.0.1:3000' }, '127.0.0.1', 'let in'],
    ['a page by IPv6', { host: 'localhost:8080', origin: 'http://[::1]:3000' }, '127.0.0.1', 'let in'],
    [
      'a page of this machine that asks another name',
      { host: 'evil.example', origin: 'http://localhost:5173' },
      '127.0.0.1',
      'dev-foreign-host',
    ],
    ['a name below localhost', { host: 'localhost', origin: 'http://a.localhost:80' }, '::1', 'foreign-origin'],
    [
      'a name that begins like it',
      { host: 'localhost', origin: 'http://localhost.evil.example' },
      '::1',
      'foreign-origin',
    ],
    [
      'an address that begins like it',
      { host: 'localhost', origin: 'http://127.0.0.1.evil.example' },
      '::1',
      'foreign-origin',
    ],
    ['another address', { host: 'localhost', origin: 'http://127.0.0.2' }, '::1', 'foreign-origin'],
    ['its network', { host: 'localhost', origin: 'http://192.168.0.5:5173' }, '::1', 'foreign-origin'],
    ['a user of it', { host: 'localhost', origin: 'http://localhost@evil.example' }, '::1', 'foreign-origin'],
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
