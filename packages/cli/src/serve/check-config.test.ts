import { resolve } from 'node:path'
import { defineContract } from '@tidings/contract'
import { describe, expect, it } from 'vitest'
import { CommandError } from '../exit.js'
import { checkConfig } from './check-config.js'

const DIR = resolve('/of/config')
const check = (value: unknown) => checkConfig(value, 'c.json', DIR)

const sentence = (value: unknown): string => {
  try {
    check(value)
  } catch (error) {
    if (error instanceof CommandError && error.exitCode === 2) return error.message
    throw error
  }
  return ''
}

describe('checkConfig', () => {
  it('takes paths relative to the file', () => {
    const pages = [{ title: 'Chat', path: '/chat', dir: 'dist' }]
    expect(check({ data: '../data', pages })).toMatchObject({
      data: resolve('/of/data'),
      pages: [{ title: 'Chat', path: '/chat/', dir: resolve('/of/config/dist') }],
    })
    expect(check({ data: '/elsewhere' }).data).toBe(resolve('/elsewhere'))
  })

  it('takes a contract as it is, and makes one of the plain form', () => {
    const contract = defineContract({ 'chat:{room}': { presence: true } })
    expect(check({ contract }).contract).toBe(contract)
    const plain = { channels: { 'chat:{room}': { history: { maxCount: 5 }, durability: 'disk', presence: true } } }
    expect(check({ contract: plain }).contract?.match('chat:a')?.definition).toMatchObject({ durability: 'disk' })
  })

  it('takes key files relative to the file, and leaves the rest of tokens and rules to the server', () => {
    const keys = [{ id: 'a', file: 'keys/a.pem' }, { variable: 'KEY' }, { secret: 's' }]
    const allow = { 'user:{id}': { subscribe: { user: '{id}' }, publish: ['authenticated'] } }
    const checked = check({ tokens: { keys, audience: 'app', anonymous: true }, allow })
    expect(checked.tokens).toEqual({
      keys: [{ id: 'a', file: resolve('/of/config/keys/a.pem') }, { variable: 'KEY' }, { secret: 's' }],
      audience: 'app',
      anonymous: true,
    })
    expect(checked.allow).toEqual(allow)
  })

  it('keeps functions', () => {
    const authenticate = () => null
    const publish = () => true
    const checked = check({ authenticate, allow: { a: { publish } } })
    expect(checked.authenticate).toBe(authenticate)
    expect(checked.allow).toEqual({ a: { publish } })
  })

  it.each([
    [1, 'the configuration must be an object'],
    [null, 'the configuration must be an object'],
    [{ prot: 1 }, 'prot is not a setting; settings here are host, port, data'],
    [{ 'a key': 1 }, "['a key'] is not a setting"],
    [{ port: '8080' }, 'port must be a whole number from 0 to 65535'],
    [{ port: 70_000 }, 'port must be at most 65535'],
    [{ port: null }, 'port must be a whole number'],
    [{ host: '' }, 'host must not be empty'],
    [{ memory: 1 }, 'memory must be true or false'],
    [{ workers: 1.5 }, 'workers must be a whole number from 0 to 128'],
    [{ workers: 129 }, 'workers must be at most 128'],
    [{ limits: { maxFrameByte: 1 } }, 'limits.maxFrameByte is not a setting; settings here are maxConnections'],
    [{ limits: { maxFrameBytes: 0 } }, 'limits.maxFrameBytes must be a positive whole number'],
    [{ limits: { maxFrameBytes: 1.5 } }, 'limits.maxFrameBytes must be a positive whole number'],
    [{ limits: 5 }, 'limits must be an object'],
    [{ heartbeat: { interval: 5 } }, 'heartbeat.interval is not a setting; settings here are intervalMs, deadlineMs'],
    [{ presenceGraceMs: -1 }, 'presenceGraceMs must be a positive whole number'],
    [{ origins: 'https://a.example' }, 'origins must be a list of origins'],
    [{ hosts: 'a.example' }, 'hosts must be a list of names'],
    [{ authenticate: true }, 'authenticate must be a function'],
    [{ allow: { 'chat:{room}': { publsh: true } } }, "allow['chat:{room}'].publsh is not a setting"],
    [{ tokens: 5 }, 'tokens must be an object'],
    [{ tokens: { secret: 'x' } }, 'tokens.secret is not a setting; settings here are keys, jwks, issuer'],
    [{ tokens: { keys: 'x' } }, 'tokens.keys must be a list of keys'],
    [{ tokens: { keys: [{}] } }, 'tokens.keys[0] must have one of secret, publicKey, file and variable'],
    [{ tokens: { keys: [{ file: 'a', secret: 'b' }] } }, 'tokens.keys[0] must have one of'],
    [{ tokens: { keys: [{ pem: 'a' }] } }, 'tokens.keys[0].pem is not a setting; settings here are id, secret'],
    [{ tokens: { audience: 5 } }, 'tokens.audience must be a text or a list of texts'],
    [{ tokens: { anonymous: 'no' } }, 'tokens.anonymous must be true or false'],
    [{ tokens: { maxLifetimeMs: -1 } }, 'tokens.maxLifetimeMs must be a positive whole number'],
    [{ pages: [{ title: 'A', path: '/a' }] }, 'pages[0].dir must be a text'],
    [{ pages: [{ title: 'A', path: 'a', dir: '.' }] }, 'pages[0].path must be a path such as /echo'],
    [{ pages: [{ title: 'A', path: '/ws', dir: '.' }] }, 'pages[0].path must not be /ws'],
    [{ pages: [{ title: 'A', path: '/a', dir: '.', x: 1 }] }, 'pages[0].x is not a setting'],
    [{ contract: 5 }, 'contract must be a contract'],
    [{ contract: {} }, 'contract.channels must be an object'],
    [{ contract: { channels: {}, more: 1 } }, 'contract.more is not a setting'],
    [{ contract: { channels: { 'a:{': {} } } }, "contract: pattern 'a:{'"],
    [{ contract: { channels: { a: { histroy: {} } } } }, "contract: channel 'a': histroy is not a rule"],
    [{ contract: { channels: { a: null } } }, "contract: channel 'a'"],
    [{ redirectTo: 'http://a.example' }, 'redirectTo must be a port from 1 to 65535, or an origin such as https://'],
    [{ redirectTo: {} }, 'redirectTo must be a port'],
  ])('says in one sentence what is wrong with %j', (value, start) => {
    expect(sentence(value)).toContain(`c.json: ${start}`)
    expect(sentence(value)).toMatch(/^[^\n]+[^.]\.$/)
  })
})
