import { channel, defineContract } from '@tidings/contract'
import { expect, test } from 'vitest'
import { memory } from './backend/memory/index.js'
import { contract } from './node.fixture.js'
import { checkOptions, OptionsError } from './options-check.js'
import { createTidings } from './tidings.js'

const fine = { contract, backend: memory() }
const onDisk = defineContract({ 'a:{b}': channel({ history: { maxCount: 1 }, durability: 'disk' }) })

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
  ['origins that are no list', { origins: 'https://a.example' }, 'origins must be a list'],
  ['an origin that is none', { origins: ['a.example'] }, 'origins must be a list'],
  ['an origin that is a number', { origins: [5] }, 'origins must be a list'],
  ['allow that is no object', { allow: true }, 'allow must be an object'],
  ['allow that is a list', { allow: [] }, 'allow must be an object'],
  ['a pattern that is not in the contract', { allow: { 'b:{c}': {} } }, "allow['b:{c}'] is not a pattern"],
  ['a rule for a name of the prototype', { allow: { toString: {} } }, "allow['toString'] is not a pattern"],
  ['rules that are no object', { allow: { 'any:{name}': true } }, "allow['any:{name}'] must be an object"],
  ['an unknown action', { allow: { 'any:{name}': { read: true } } }, "allow['any:{name}'].read is not an option"],
  ['a rule that is no rule', { allow: { 'any:{name}': { publish: 'all' } } }, "allow['any:{name}'].publish must be"],
  ['limits that are null', { limits: null }, 'limits must be an object'],
  ['limits that are a list', { limits: [] }, 'limits must be an object'],
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
    "contract['a'].dedupeWindowMs must be larger than heartbeat.deadlineMs, which is 35000",
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
  const options = checkOptions({ ...fine, limits: { maxFrameBytes: 5 }, origins: ['https://A.example/'] })
  expect(options).toMatchObject({
    dev: false,
    presenceGraceMs: 5000,
    origins: ['https://a.example'],
    limits: { maxFrameBytes: 5, maxPayloadBytes: 65_536 },
    heartbeat: { intervalMs: 20_000, deadlineMs: 35_000 },
  })
})

test('may go without a contract under dev', () => {
  expect(checkOptions({ backend: memory(), dev: true })).toMatchObject({ dev: true })
})
