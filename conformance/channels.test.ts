import {
  channel,
  channelNameProblem,
  ContractError,
  defineContract,
  matchPattern,
  parsePattern,
} from '@tidings/contract'
import { describe, expect, it } from 'vitest'
import { readVectors } from './vectors.js'

describe('patterns', () => {
  for (const { pattern, channel: name, params } of readVectors('patterns.json')) {
    it(`${pattern} ${params === null ? 'does not match' : 'matches'} ${name}`, () => {
      const found = matchPattern(parsePattern(pattern), name)
      expect(found === undefined ? null : { ...found }).toEqual(params)
    })
  }

  for (const { pattern, why } of readVectors('invalid-patterns.json')) {
    it(`${JSON.stringify(pattern)} is refused: ${why}`, () => {
      expect(() => parsePattern(pattern)).toThrow(ContractError)
    })
  }
})

describe('precedence', () => {
  for (const { patterns, channel: name, wins } of readVectors('precedence.json')) {
    it(`${name} belongs to ${wins ?? 'none'} of ${patterns.join(' ')}`, () => {
      for (const order of [patterns, patterns.toReversed()]) {
        const contract = defineContract(Object.fromEntries(order.map((pattern) => [pattern, channel({})])))
        expect(contract.match(name)?.pattern ?? null).toBe(wins)
      }
    })
  }
})

describe('channel names', () => {
  for (const { channel: name, valid, why } of readVectors('channel-names.json')) {
    it(`${JSON.stringify(name).slice(0, 40)} is ${valid ? 'valid' : 'refused'}: ${why}`, () => {
      expect(channelNameProblem(name) === undefined).toBe(valid)
    })
  }
})
