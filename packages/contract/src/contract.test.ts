import { describe, expect, expectTypeOf, it } from 'vitest'
import * as z from 'zod'
import { channel, ContractError, defineContract } from './index.js'
import type { ChannelRules, Contract, InputOf, OutputOf, ParamsArguments, ParamsOf, PatternOf } from './index.js'

const app = defineContract({
  'chat:{room}': channel({ data: z.object({ text: z.string(), at: z.coerce.date() }), history: { maxCount: 10 } }),
  'typing:{room}': channel({}),
  plain: { presence: true },
  'inline:{id}': { data: z.object({ id: z.number() }) },
  'count:{path...}': channel({ data: z.string().transform((text) => text.length) }),
})
type App = typeof app

describe('defineContract', () => {
  it('finds the pattern, the parameters and the definition of a channel', () => {
    const match = app.match('chat:lobby')
    expect(match?.pattern).toBe('chat:{room}')
    expect({ ...match?.params }).toEqual({ room: 'lobby' })
    expect(match?.definition).toBe(app.channels['chat:{room}'])
    expect(app.match('news:lobby')).toBeUndefined()
  })

  it('refuses two patterns for the same channels', () => {
    expect(() => defineContract({ 'a:{x}': channel({}), 'a:{y}': channel({}) })).toThrow('match the same channels')
    expect(() => defineContract({ 'a:{x}:b': {}, 'c:{x}': {}, 'a:{y}:b': {} })).toThrow(ContractError)
  })

  it('refuses a pattern that is none', () => {
    expect(() => defineContract({ 'a:{': channel({}) })).toThrow(expect.objectContaining({ code: 'bad-pattern' }))
  })

  it('takes rules at their bounds', () => {
    const fine: ChannelRules[] = [
      {},
      { durability: 'none' },
      { history: { maxCount: 1 } },
      { history: { maxAgeMs: 1, maxBytes: 1 }, durability: 'replicated', presence: true, dedupeWindowMs: 1000 },
      { dedupeWindowMs: 86_400_000 },
      { limits: { publishesPerSecond: 1 } },
      { limits: { publishesPerSecond: 5000, publishBurst: 10_000 } },
    ]
    for (const rules of fine) expect(defineContract({ a: rules }).match('a')?.definition).toEqual(rules)
  })

  it('refuses rules of a JSON file that are wrong, and names the channel and the rule', () => {
    const refused: readonly [string, RegExp][] = [
      ['{"histroy":{"maxCount":1}}', /histroy is not a rule/],
      ['{"__proto__":1}', /__proto__ is not a rule/],
      ['{"data":{}}', /data must be a Standard Schema/],
      ['{"durability":"ssd"}', /durability must be one of/],
      ['{"durability":"disk"}', /durability 'disk' needs history/],
      ['{"history":{"maxCount":1},"durability":"none"}', /history needs a durability/],
      ['{"history":{}}', /history needs at least one of/],
      ['{"history":null}', /history must be an object/],
      ['{"history":[]}', /history/],
      ['{"history":5}', /history must be an object/],
      ['{"history":{"maxcount":1}}', /history.maxcount is not a rule/],
      ['{"history":{"maxCount":0}}', /history.maxCount must be a positive whole number/],
      ['{"history":{"maxAgeMs":1.5}}', /history.maxAgeMs/],
      ['{"history":{"maxBytes":"1"}}', /history.maxBytes/],
      ['{"history":{"maxBytes":null}}', /history.maxBytes/],
      ['{"limits":{}}', /limits needs at least one of/],
      ['{"limits":7}', /limits must be an object/],
      ['{"limits":{"publishesPerSecond":0}}', /limits.publishesPerSecond must be a positive whole number/],
      ['{"limits":{"publishBurst":1.5}}', /limits.publishBurst/],
      ['{"limits":{"perSecond":1}}', /limits.perSecond is not a rule/],
      ['{"presence":"yes"}', /presence must be true or false/],
      ['{"dedupeWindowMs":0}', /dedupeWindowMs/],
      ['{"dedupeWindowMs":86400001}', /dedupeWindowMs/],
      ['null', /a/],
      ['5', /a/],
      ['"rules"', /a/],
      ['[]', /a/],
    ]
    for (const [json, problem] of refused) {
      const define = () => defineContract({ 'a:{x}': JSON.parse(json) as ChannelRules })
      expect(define, json).toThrow(ContractError)
      expect(define, json).toThrow(problem)
      expect(define, json).toThrow("'a:{x}'")
    }
  })

  it('takes a channel named like a property of every object', () => {
    const contract = defineContract(JSON.parse('{"__proto__":{},"constructor":{}}') as Record<string, ChannelRules>)
    expect(contract.match('__proto__')?.pattern).toBe('__proto__')
    expect(contract.match('constructor')?.pattern).toBe('constructor')
    expect(contract.match('toString')).toBeUndefined()
  })
})

describe('the types of a contract', () => {
  it('name its patterns and their parameters', () => {
    expectTypeOf<PatternOf<App>>().toEqualTypeOf<
      'chat:{room}' | 'typing:{room}' | 'count:{path...}' | 'plain' | 'inline:{id}'
    >()
    expectTypeOf<ParamsOf<'count:{path...}'>>().toEqualTypeOf<Readonly<Record<'path', string>>>()
  })

  it('give a publisher the schema’s input and a subscriber its output', () => {
    expectTypeOf<OutputOf<App, 'chat:{room}'>>().toEqualTypeOf<{ text: string; at: Date }>()
    expectTypeOf<InputOf<App, 'chat:{room}'>>().toEqualTypeOf<{ text: string; at: unknown }>()
    expectTypeOf<InputOf<App, 'count:{path...}'>>().toEqualTypeOf<string>()
    expectTypeOf<OutputOf<App, 'count:{path...}'>>().toEqualTypeOf<number>()
  })

  it('know a schema in a definition that was written in place', () => {
    expectTypeOf<OutputOf<App, 'inline:{id}'>>().toEqualTypeOf<{ id: number }>()
  })

  it('tell one pattern from the others by the first argument', () => {
    const name = <Source extends PatternOf<App>>(pattern: Source, ...[params]: ParamsArguments<NoInfer<Source>>) => ({
      pattern,
      params,
    })
    expectTypeOf(name('chat:{room}', { room: 'lobby' }).pattern).toEqualTypeOf<'chat:{room}'>()
    expectTypeOf(name('plain').pattern).toEqualTypeOf<'plain'>()
    // @ts-expect-error: the pattern has a parameter
    name('chat:{room}')
    // @ts-expect-error: the parameter has another name
    name('chat:{room}', { name: 'lobby' })
  })

  it('leave the data of a channel without a schema unknown', () => {
    expectTypeOf<InputOf<App, 'typing:{room}'>>().toEqualTypeOf<unknown>()
    expectTypeOf<OutputOf<App, 'typing:{room}'>>().toEqualTypeOf<unknown>()
    expectTypeOf<OutputOf<App, 'plain'>>().toEqualTypeOf<unknown>()
    expectTypeOf<OutputOf<Contract, string>>().toEqualTypeOf<unknown>()
  })
})
