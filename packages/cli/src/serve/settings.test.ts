import { resolve } from 'node:path'
import { defineContract } from '@tidings/contract'
import { describe, expect, it } from 'vitest'
import { CommandError } from '../exit.js'
import type { CheckedConfig } from './check-config.js'
import { parseEnvironment, parseFlags, type SettingFlags, type SettingValues } from './setting-values.js'
import { resolveSettings, type Settings } from './settings.js'

const HERE = resolve('/somewhere')

interface Sources {
  readonly flags?: SettingValues
  readonly environment?: SettingValues
  readonly config?: CheckedConfig
}

/** Under --dev unless a source says otherwise, which needs the least. */
const settingsOf = ({ flags, environment, config }: Sources): Settings =>
  resolveSettings({ dev: true, ...flags }, environment ?? {}, config && { name: 'tidings.config.ts', config }, HERE)

const sentence = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    if (error instanceof CommandError && error.exitCode === 2) return error.message
    throw error
  }
  return ''
}

describe('resolveSettings', () => {
  it('has defaults for everything', () => {
    expect(settingsOf({})).toMatchObject({
      host: '127.0.0.1',
      port: 8080,
      store: { kind: 'disk', dir: resolve(HERE, 'tidings-data') },
      echo: undefined,
      workers: 0,
      pages: [],
      dev: true,
    })
  })

  it('takes the flag, else the environment, else the file, else the default', () => {
    const config = { port: 3 }
    const environment = { port: 2 }
    expect(settingsOf({ flags: { port: 1 }, environment, config }).port).toBe(1)
    expect(settingsOf({ environment, config }).port).toBe(2)
    expect(settingsOf({ config }).port).toBe(3)
    expect(settingsOf({ flags: { port: 0 }, environment, config }).port).toBe(0)
    expect(settingsOf({ flags: { workers: 0 }, config: { workers: 2 } }).workers).toBe(0)
  })

  it('takes limits one by one', () => {
    const { limits } = settingsOf({
      flags: { maxFragments: 1 },
      environment: { maxFragments: 2, maxFrameBytes: 2 },
      config: { limits: { maxFragments: 3, maxFrameBytes: 3, maxPayloadBytes: 3 } },
    }).node
    expect(limits).toEqual({ maxFragments: 1, maxFrameBytes: 2, maxPayloadBytes: 3 })
  })

  it('lets --dev be switched off where the file switches it on', () => {
    const run = (): unknown => resolveSettings({}, { dev: false }, { name: 'c.json', config: { dev: true } }, HERE)
    expect(sentence(run)).toContain('add --dev')
  })

  it('keeps publications where the first source says', () => {
    const disk = (dir: string) => ({ kind: 'disk', dir: resolve(HERE, dir) })
    const storeOf = (sources: Sources) => settingsOf(sources).store
    expect(storeOf({ flags: { data: 'a' }, config: { memory: true } })).toEqual(disk('a'))
    expect(storeOf({ flags: { memory: true }, config: { data: 'a' } })).toEqual({ kind: 'memory' })
    expect(storeOf({ environment: { memory: false }, config: { memory: true } })).toEqual(disk('tidings-data'))
    expect(storeOf({ environment: { memory: false }, config: { data: 'a' } })).toEqual(disk('a'))
    expect(sentence(() => storeOf({ config: { memory: true, data: 'a' } }))).toContain('exclude each other')
  })

  it('lets --dev listen on this machine only', () => {
    for (const host of ['127.0.0.1', '::1', 'localhost']) expect(settingsOf({ flags: { host } }).host).toBe(host)
    for (const host of ['0.0.0.0', '::', '192.0.2.1', 'example.com', '127.0.0.1.example.com']) {
      expect(sentence(() => settingsOf({ flags: { host } }))).toContain(`and not '${host}'`)
    }
  })

  it('needs a contract and a way to tell users apart for others', () => {
    const contract = defineContract({ a: {} })
    const authenticate = () => null
    const open = (config: CheckedConfig) => settingsOf({ flags: { dev: false, host: '0.0.0.0' }, config })
    expect(sentence(() => open({}))).toMatch(
      /needs a contract and tokens \(or authenticate\) in tidings\.config\.ts; .* --dev/,
    )
    expect(sentence(() => open({ contract }))).toContain('needs tokens (or authenticate) in')
    expect(sentence(() => open({ authenticate }))).toContain('needs a contract in')
    expect(open({ contract, authenticate }).dev).toBe(false)
    const tokens = { keys: [{ secret: 'x'.repeat(32) }] }
    const file = { name: 'c.json', config: { contract } }
    expect(resolveSettings({ dev: false }, {}, file, HERE, tokens).node.tokens).toBe(tokens)
  })

  it('refuses paths that are taken or no paths', () => {
    for (const echo of ['/ws', '/healthz', 'echo', '/', '/a//b', '/a b', '/..', '/a?b', '/a/']) {
      expect(sentence(() => settingsOf({ flags: { echo } }))).toContain('echo must')
    }
    const pages = [{ title: 'A', path: '/a/', dir: '/' }]
    expect(sentence(() => settingsOf({ flags: { echo: '/a' }, config: { pages } }))).toContain('is the path of a page')
    expect(sentence(() => settingsOf({ config: { pages: [...pages, ...pages] } }))).toContain('two with the path /a/')
  })
})

describe('parseFlags and parseEnvironment', () => {
  it('read every setting', () => {
    expect(parseFlags({ port: '1', dev: true, host: 'h' })).toMatchObject({ port: 1, dev: true, host: 'h' })
    const environment = {
      TIDINGS_HOST: 'h',
      TIDINGS_PORT: '0',
      TIDINGS_DATA: 'd',
      TIDINGS_MEMORY: '0',
      TIDINGS_CONFIG: 'c',
      TIDINGS_DEV: 'true',
      TIDINGS_ECHO: '/e',
      TIDINGS_MAX_FRAME_BYTES: '7',
      TIDINGS_MAX_FRAGMENTS: '8',
      TIDINGS_WORKERS: '9',
      TIDINGS_TOKEN_KEY: 'key.pem',
      TIDINGS_TOKEN_SECRET: 's',
      TIDINGS_URL: 'of clients',
    }
    expect(parseEnvironment(environment)).toEqual({
      host: 'h',
      port: 0,
      data: 'd',
      memory: false,
      config: 'c',
      dev: true,
      echo: '/e',
      maxFrameBytes: 7,
      maxFragments: 8,
      workers: 9,
      tokenKey: 'key.pem',
      tokenSecret: 's',
    })
    expect(parseEnvironment({ TIDINGS_PORT: '' }).port).toBeUndefined()
  })

  it('name the flag or the variable that is wrong', () => {
    const wrong: readonly (readonly [SettingFlags, string])[] = [
      [{ port: 'x' }, '--port must be a whole number from 0 to 65535'],
      [{ port: '65536' }, '--port'],
      [{ port: '-1' }, '--port'],
      [{ port: '1e3' }, '--port'],
      [{ host: '' }, '--host must not be empty'],
      [{ workers: '129' }, '--workers must be a whole number from 0 to 128'],
      [{ maxFrameBytes: '0' }, '--max-frame-bytes must be a whole number from 1'],
    ]
    for (const [flags, start] of wrong) expect(sentence(() => parseFlags(flags))).toContain(start)
    expect(sentence(() => parseEnvironment({ TIDINGS_DEV: 'yes' }))).toBe(
      "TIDINGS_DEV must be 1, true, 0 or false, and not 'yes'.",
    )
    expect(sentence(() => parseEnvironment({ TIDINGS_MAX_FRAGMENTS: '1.5' }))).toContain('TIDINGS_MAX_FRAGMENTS')
  })
})

describe('the settings of TLS and proxies', () => {
  it('come from flags and variables relative to the working directory, the file’s being absolute', () => {
    const environment = parseEnvironment({ TIDINGS_TLS_CERT: 'c.pem', TIDINGS_REDIRECT_FROM: '80' })
    const { tls } = settingsOf({
      environment,
      flags: { ...parseFlags({ redirectFrom: '81' }), dev: true },
      config: { tlsKey: '/k.pem' },
    })
    expect(tls).toEqual({
      files: { cert: resolve(HERE, 'c.pem'), key: '/k.pem' },
      redirectFrom: 81,
      redirectTo: undefined,
    })
    expect(settingsOf({}).tls).toBeUndefined()
  })

  it('have a target of the redirect: a port, or an origin of https', () => {
    const tls = { tlsCert: '/c.pem', tlsKey: '/k.pem', redirectFrom: 80 }
    const targetOf = (text: string) => {
      const flags = { ...parseFlags({ redirectTo: text }), dev: true }
      return settingsOf({ flags, config: tls }).tls?.redirectTo
    }
    expect(targetOf('443')).toEqual({ port: 443 })
    expect(targetOf('https://Live.example')).toEqual({ origin: 'https://live.example' })
    expect(targetOf('https://live.example:8443/')).toEqual({ origin: 'https://live.example:8443' })
    for (const wrong of [
      '',
      '0',
      '65536',
      '-1',
      'live.example',
      'http://a.example',
      'https://a.example/b',
      'https://u@a.example',
      'https://a.example/?b',
      'https://',
    ]) {
      expect(sentence(() => targetOf(wrong))).toBe(
        `--redirect-to must be a port from 1 to 65535, or an origin such as https://live.example.com, and not '${wrong}'.`,
      )
    }
    expect(sentence(() => settingsOf({ config: { redirectTo: { port: 443 } } }))).toContain('so it needs that too')
  })

  it('have a list of proxies, divided by commas', () => {
    const flags = { ...parseFlags({ trustedProxies: '10.0.0.0/8, ::1' }), dev: true }
    expect(settingsOf({ flags }).node).toMatchObject({ trustedProxies: ['10.0.0.0/8', '::1'] })
    const config: CheckedConfig = { trustedProxies: { addresses: ['::1'], header: 'x-forwarded-for' } }
    expect(
      settingsOf({ flags: { ...parseFlags({ proxyHeader: 'Forwarded' }), dev: true }, config }).node,
    ).toMatchObject({
      trustedProxies: { addresses: ['::1'], header: 'forwarded' },
    })
    expect(settingsOf({ flags, config }).node).toMatchObject({
      trustedProxies: { addresses: ['10.0.0.0/8', '::1'], header: 'x-forwarded-for' },
    })
    expect(sentence(() => parseFlags({ proxyHeader: 'x-real-ip' }))).toBe(
      "--proxy-header must be x-forwarded-for or forwarded, and not 'x-real-ip'.",
    )
    expect(sentence(() => settingsOf({ flags: { ...parseFlags({ proxyHeader: 'forwarded' }), dev: true } }))).toBe(
      '--proxy-header says in which header proxies are believed, so it needs --trusted-proxies too.',
    )
    expect(sentence(() => parseFlags({ trustedProxies: '::1,' }))).toBe(
      'An item of --trusted-proxies must not be empty.',
    )
  })

  it('have a level of the log, by flag, variable and file', () => {
    expect(settingsOf({ flags: { dev: true } }).logLevel).toBe('info')
    const environment = parseEnvironment({ TIDINGS_LOG_LEVEL: 'warn' })
    const config = { logLevel: 'silent' } as const
    expect(settingsOf({ flags: { dev: true }, config }).logLevel).toBe('silent')
    expect(settingsOf({ flags: { dev: true }, environment, config }).logLevel).toBe('warn')
    const flags = { ...parseFlags({ logLevel: 'error' }), dev: true }
    expect(settingsOf({ flags, environment, config }).logLevel).toBe('error')
    expect(sentence(() => parseFlags({ logLevel: 'loud' }))).toBe(
      "--log-level must be one of silent, error, warn, info, debug, and not 'loud'.",
    )
  })
})
