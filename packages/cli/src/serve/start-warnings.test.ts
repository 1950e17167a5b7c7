import { defineContract } from '@tidings/contract'
import { describe, expect, it } from 'vitest'
import type { CheckedConfig } from './check-config.js'
import type { SettingValues } from './setting-values.js'
import { resolveSettings } from './settings.js'
import { isLoopbackHost, startWarnings } from './start-warnings.js'

const config: CheckedConfig = {
  contract: defineContract({ 'chat:{room}': {} }),
  authenticate: () => null,
  limits: { maxConnections: 1 },
}

const warnings = (flags: SettingValues, more: CheckedConfig = {}): string =>
  startWarnings(resolveSettings(flags, {}, { name: 'tidings.config.ts', config: { ...config, ...more } }, '/')).join(
    '\n',
  )

const TLS = { tlsCert: '/cert.pem', tlsKey: '/key.pem' }

describe('startWarnings', () => {
  it.each<[string, SettingValues, RegExp | undefined]>([
    [
      'tokens for others over plain HTTP',
      { host: '0.0.0.0' },
      /0\.0\.0\.0 over plain HTTP.*--tls-cert.*--trusted-proxies/,
    ],
    ['tokens for one network over plain HTTP', { host: '192.0.2.1' }, /plain HTTP/],
    ['tokens over TLS', { host: '0.0.0.0', ...TLS }, undefined],
    ['tokens that come through a proxy', { host: '0.0.0.0', trustedProxies: ['10.0.0.1'] }, undefined],
    ['tokens on this machine', { host: '127.0.0.1' }, undefined],
    ['tokens on this machine, by another address', { host: '127.0.0.2' }, undefined],
    ['an echo path for others', { host: '0.0.0.0', echo: '/echo', ...TLS }, /\/echo \(--echo\)/],
    ['an echo path behind a proxy', { host: '::1', echo: '/echo', trustedProxies: ['::1'] }, /\/echo \(--echo\)/],
    ['an echo path on this machine', { host: '::1', echo: '/echo' }, undefined],
  ])('with %s', (_name, flags, expected) => {
    const said = warnings(flags)
    if (expected === undefined) expect(said).toBe('')
    else expect(said).toMatch(expected)
  })

  it('says that --hsts has no effect under --dev', () => {
    expect(warnings({ dev: true, hsts: true, ...TLS })).toMatch(/^hsts \(--hsts\) has no effect under --dev/)
  })

  it('has nothing to say about --dev', () => {
    expect(warnings({ dev: true, echo: '/echo' })).toBe('')
  })

  it('knows when there are fewer files than connections', () => {
    expect(warnings({}, { limits: { maxConnections: 2 ** 31 - 1 } })).toMatch(/^This process may open|^$/)
  })
})

it.each(['127.0.0.1', '127.8.0.1', '::1', 'localhost', 'LOCALHOST'])('isLoopbackHost takes %s', (host) => {
  expect(isLoopbackHost(host)).toBe(true)
})

it.each(['0.0.0.0', '::', '127.0.0.1.example', 'localhost.example', '1.127.0.1'])(
  'isLoopbackHost refuses %s',
  (host) => {
    expect(isLoopbackHost(host)).toBe(false)
  },
)
