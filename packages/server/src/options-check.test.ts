import { createSecretKey, generateKeyPairSync } from 'node:crypto'
import { channel, defineContract } from '@tidings/contract'
import { expect, test } from 'vitest'
import { memory } from './backend/memory/index.js'
import { contract } from './node.fixture.js'
import { checkOptions } from './options-check.js'
import { OptionsError } from './options-error.js'
import { createTidings } from './tidings.js'

const fine = { contract, backend: memory(), authenticate: () => null }
const onDisk = defineContract({ 'a:{b}': channel({ history: { maxCount: 1 }, durability: 'disk' }) })

const shortRsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey
const secretKey = createSecretKey(Buffer.alloc(32))
const goodKeys = [{ secret: 'x'.repeat(32) }]

const wrong: readonly [string, object, string][] = [
  ['an unknown option', { prot: 1 }, 'prot is not an option'],
  ['no backend', { backend: undefined }, 'backend must be a backend'],
  ['a backend that is none', { backend: {} }, 'backend must be a backend'],
  ['no contract', { contract: undefined }, 'contract is missing'],
  ['a contract that is none', { contract: {} }, 'contract must be'],
  ['a contract that is null', { contract: null }, 'contract must be'],
  ['a durability the backend does not keep', { contract: onDisk }, "contract['a:{b}'].durability 'disk'"],
  ['dev that is no boolean', { dev: 'yes' }, 'dev must be true or false'],
  ['authenticate that is no function', { authenticate: true }, 'authenticate must be a function'],
  ['nobody who says who clients are', { authenticate: undefined }, 'authenticate or tokens is missing'],
  ['origins that are no list', { origins: 'https://a.example' }, 'origins must be a list'],
  [
    'an origin that is none',
    { origins: ['a.example'] },
    "'a.example' has no scheme: write http://a.example or https://",
  ],
  [
    'an origin without a scheme',
    { origins: ['localhost:5173'] },
    'write http://localhost:5173 or https://localhost:5173',
  ],
  [
    'no origin',
    { origins: ['https://a.example', 'null'] },
    "'null' stands for every page that has no origin of its own",
  ],
  ['no origin in capitals', { origins: ['NULL'] }, "'NULL' stands for every page"],
  ['an empty origin', { origins: [''] }, "'' is not scheme://host"],
  ['any origin', { origins: ['*'] }, "'*' has a wildcard: list each origin by itself"],
  ['origins below a name', { origins: ['https://*.a.example'] }, "'https://*.a.example' has a wildcard"],
  ['a socket for an origin', { origins: ['wss://a.example'] }, 'list the page’s own, such as https://a.example'],
  ['an origin with a path', { origins: ['https://a.example/app'] }, "'https://a.example/app' is not scheme://host"],
  ['an origin with a user', { origins: ['https://a@b.example'] }, "'https://a@b.example' is not scheme://host"],
  ['an origin with a query', { origins: ['https://a.example?'] }, 'is not scheme://host'],
  ['an origin with two slashes behind', { origins: ['https://a.example//'] }, 'is not scheme://host'],
  ['an origin with an odd port', { origins: ['https://a.example:99999'] }, 'is not scheme://host'],
  ['files', { origins: ['file://'] }, "'file://' stands for every file on the visitor’s device"],
  ['the files of a host', { origins: ['file://localhost'] }, "'file://localhost' stands for every file"],
  ['an origin that holds another', { origins: ['blob:https://a.example'] }, 'is not scheme://host'],
  ['a document for an origin', { origins: ['data:text/html,x'] }, 'is not scheme://host'],
  ['a scheme for an origin', { origins: ['capacitor://'] }, "'capacitor://' is not scheme://host"],
  ['half a scheme for an origin', { origins: ['https:'] }, "'https:' is not scheme://host"],
  ['hosts that are no list', { hosts: 'a.example' }, 'hosts must be a list'],
  ['a host with a port', { hosts: ['a.example:80'] }, 'hosts must be a list'],
  ['a host with a scheme', { hosts: ['https://a.example'] }, 'hosts must be a list'],
  ['a host that is none', { hosts: [''] }, 'hosts must be a list'],
  ['an origin that is a number', { origins: [5] }, 'origins must be a list'],
  ['trusted proxies that are no list', { trustedProxies: '10.0.0.1' }, 'trustedProxies must be a list'],
  [
    'trusted proxies of an unknown key',
    { trustedProxies: { list: [] } },
    'trustedProxies.list is not an option; options here are',
  ],
  ['trusted proxies without addresses', { trustedProxies: { header: 'forwarded' } }, 'trustedProxies must be a list'],
  [
    'trusted proxies with another header',
    { trustedProxies: { addresses: ['::1'], header: 'x-real-ip' } },
    'trustedProxies.header must be x-forwarded-for or forwarded',
  ],
  ['a trusted proxy that is a name', { trustedProxies: ['proxy'] }, "trustedProxies has 'proxy', which is no address"],
  ['a range that is too narrow', { trustedProxies: ['10.0.0.0/33'] }, "trustedProxies has '10.0.0.0/33'"],
  ['trusted proxies under dev', { trustedProxies: ['::1'], dev: true }, 'trustedProxies and dev exclude each other'],
  ['allow that is no object', { allow: true }, 'allow must be an object'],
  ['allow that is a list', { allow: [] }, 'allow must be an object'],
  ['a pattern that is not in the contract', { allow: { 'b:{c}': {} } }, "allow['b:{c}'] is not a pattern"],
  ['a rule for a name of the prototype', { allow: { toString: {} } }, "allow['toString'] is not a pattern"],
  ['rules that are no object', { allow: { 'any:{name}': true } }, "allow['any:{name}'] must be an object"],
  ['an unknown action', { allow: { 'any:{name}': { read: true } } }, "allow['any:{name}'].read is not an option"],
  ['a rule that is no rule', { allow: { 'any:{name}': { publish: 'all' } } }, "allow['any:{name}'].publish must be"],
  [
    'a rule for a parameter that is not there',
    { allow: { 'any:{name}': { publish: { user: '{id}' } } } },
    "allow['any:{name}'].publish names {id}, which is no parameter of the pattern",
  ],
  [
    'a rule for half a parameter',
    { allow: { 'any:{name}': { publish: { user: 'u-{name}' } } } },
    "allow['any:{name}'].publish has 'u-{name}', which is neither",
  ],
  [
    'a rule of too much',
    { allow: { 'any:{name}': { publish: { user: 'a', claim: 'b' } } } },
    "allow['any:{name}'].pub",
  ],
  [
    'a rule of nothing',
    { allow: { 'any:{name}': { publish: [] } } },
    "allow['any:{name}'].publish must not be an empty",
  ],
  ['tokens that are no object', { tokens: 5 }, 'tokens must be an object'],
  ['tokens without keys', { tokens: {} }, 'tokens must have keys or jwks'],
  ['an unknown option of tokens', { tokens: { secret: 'x' } }, 'tokens.secret is not an option'],
  ['keys that are no list', { tokens: { keys: {} } }, 'tokens.keys must be a list of 1 to 16 keys'],
  ['no keys in the list', { tokens: { keys: [] } }, 'tokens.keys must be a list of 1 to 16 keys'],
  ['a key that is a text', { tokens: { keys: ['x'] } }, 'tokens.keys[0] must be an object with secret or publicKey'],
  ['a key of both kinds', { tokens: { keys: [{ secret: 'x', publicKey: 'x' }] } }, 'tokens.keys[0] must have either'],
  [
    'a key with an algorithm',
    { tokens: { keys: [{ secret: 'x', alg: 'none' }] } },
    'tokens.keys[0].alg is not an option',
  ],
  [
    'a secret that is short',
    { tokens: { keys: [{ secret: 'x'.repeat(31) }] } },
    'tokens.keys[0].secret must have at least 32',
  ],
  [
    'a public key as a secret',
    { tokens: { keys: [{ secret: `-----BEGIN PUBLIC KEY-----${'x'.repeat(99)}` }] } },
    'tokens.keys[0].secret is a key in PEM',
  ],
  [
    'a public key that is none',
    { tokens: { keys: [{ publicKey: 'x' }] } },
    'tokens.keys[0].publicKey must be a public key',
  ],
  [
    'a short RSA key',
    { tokens: { keys: [{ publicKey: shortRsa }] } },
    'tokens.keys[0].publicKey is an RSA key of less',
  ],
  ['another curve', { tokens: { keys: [{ publicKey: p384 }] } }, 'tokens.keys[0].publicKey is not on the curve P-256'],
  [
    'a secret for a public key',
    { tokens: { keys: [{ publicKey: secretKey }] } },
    'tokens.keys[0].publicKey must be a public',
  ],
  [
    'an open address',
    { tokens: { jwks: 'http://id.example/jwks', audience: 'a' } },
    'tokens.jwks must be an address that begins',
  ],
  [
    'a file for an address',
    { tokens: { jwks: 'file:///etc/passwd', audience: 'a' } },
    'tokens.jwks must be an address',
  ],
  [
    'an address with a password',
    { tokens: { jwks: 'https://a:b@id.example', audience: 'a' } },
    'tokens.jwks must not hold',
  ],
  [
    'keys of others for anybody',
    { tokens: { jwks: 'https://id.example/jwks' } },
    'tokens.issuer or tokens.audience must be set',
  ],
  [
    'an audience that is a number',
    { tokens: { keys: goodKeys, audience: 5 } },
    'tokens.audience must be a text or a list',
  ],
  ['an empty issuer', { tokens: { keys: goodKeys, issuer: [] } }, 'tokens.issuer must be a text or a list'],
  [
    'anonymous that is a text',
    { tokens: { keys: goodKeys, anonymous: 'no' } },
    'tokens.anonymous must be true or false',
  ],
  [
    'a lifetime without end',
    { tokens: { keys: goodKeys, maxLifetimeMs: 1e15 } },
    'tokens.maxLifetimeMs must be a whole number',
  ],
  [
    'a large tolerance',
    { tokens: { keys: goodKeys, clockToleranceMs: 1e9 } },
    'tokens.clockToleranceMs must be a whole',
  ],
  ['limits that are null', { limits: null }, 'limits must be an object'],
  ['limits that are a list', { limits: [] }, 'limits must be an object'],
  [
    'a profile of limits that does not exist',
    { limits: 'none' },
    'limits must be one of default, load-test, or an object',
  ],
  ['such a profile beside limits', { limits: { profile: 5 } }, 'limits.profile must be one of default, load-test'],
  ['an unknown limit', { limits: { maxFrames: 1 } }, 'limits.maxFrames is not an option'],
  ['a limit of 0', { limits: { maxFrameBytes: 0 } }, 'limits.maxFrameBytes must be'],
  ['a limit that is a string', { limits: { maxFrameBytes: '5' } }, 'limits.maxFrameBytes must be'],
  ['a limit with a fraction', { limits: { maxFragments: 1.5 } }, 'limits.maxFragments must be'],
  ['a limit that would mean none', { limits: { maxFrameBytes: 2 ** 32 } }, 'limits.maxFrameBytes must be'],
  ['a time that timers cannot hold', { limits: { connectDeadlineMs: 2 ** 31 } }, 'limits.connectDeadlineMs must be'],
  ['an unknown heartbeat', { heartbeat: { interval: 1 } }, 'heartbeat.interval is not an option'],
  ['a heartbeat that is a number', { heartbeat: 5 }, 'heartbeat must be an object'],
  [
    'a deadline beyond the dedupe window',
    { heartbeat: { deadlineMs: 120_000 } },
    'heartbeat.deadlineMs must be less than',
  ],
  [
    'a dedupe window within the deadline',
    { contract: defineContract({ a: channel({ dedupeWindowMs: 5000 }) }) },
    "contract['a'].dedupeWindowMs must be larger than 39000: so long a silent connection may live after heartbeat.deadlineMs",
  ],
  ['a deadline before the interval', { heartbeat: { deadlineMs: 100 } }, 'heartbeat.deadlineMs must be larger'],
  ['a grace that is negative', { presenceGraceMs: -1 }, 'presenceGraceMs must be'],
  ['a grace that is a string', { presenceGraceMs: '5' }, 'presenceGraceMs must be'],
  ['a logger that cannot log', { logger: { info: () => undefined } }, 'logger must have'],
  ['a clock that is a number', { clock: 5 }, 'clock must have'],
]

test.each(wrong)('refuses %s in one sentence with the path of the key', (_name, options, message) => {
  const check = (): unknown => createTidings({ ...fine, ...options })
  expect(check).toThrow(OptionsError)
  expect(check).toThrow(message)
  try {
    check()
  } catch (error) {
    expect(error).toMatchObject({ code: 'bad-options' })
    expect((error as Error).message).not.toContain('\n')
  }
})

test('refuses options that are none', () => {
  for (const options of [undefined, null, 5]) {
    expect(() => createTidings(options as never)).toThrow(OptionsError)
  }
})

test('fills in defaults, also for what is undefined', () => {
  const options = checkOptions({
    ...fine,
    limits: { maxFrameBytes: 5 },
    origins: ['https://A.example/'],
    hosts: ['A.example'],
  })
  expect(options).toMatchObject({
    dev: false,
    presenceGraceMs: 5000,
    origins: ['https://a.example'],
    hosts: ['a.example'],
    limits: { maxFrameBytes: 5, maxPayloadBytes: 65_536 },
    heartbeat: { intervalMs: 20_000, deadlineMs: 35_000 },
  })
})

test('may go without a contract under dev', () => {
  expect(checkOptions({ backend: memory(), dev: true })).toMatchObject({ dev: true })
})
