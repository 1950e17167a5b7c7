import { expect, test } from 'vitest'
import { KeyedRates } from './keyed-rates.js'

test('each key has a rate of its own, which comes back with time', () => {
  let now = 0
  const rates = new KeyedRates({ perSecond: 10, burst: 2, monotonic: () => now })
  expect([rates.take('a'), rates.take('a'), rates.take('a'), rates.take('b')]).toEqual([true, true, false, true])
  now += 100
  expect([rates.take('a'), rates.take('a')]).toEqual([true, false])
})

test('keys without use are forgotten, and those with use are not', () => {
  let now = 0
  const rates = new KeyedRates({ perSecond: 1, burst: 1, monotonic: () => now })
  for (let index = 0; index < 100_000; index++) {
    rates.take(`stranger ${index}`)
    now += 1
  }
  expect(rates.size).toBeLessThan(10_000)
  expect(rates.take('busy')).toBe(true)
  for (let index = 0; index < 20_000; index++) rates.take(`another ${index}`)
  expect(rates.take('busy')).toBe(false)
})
