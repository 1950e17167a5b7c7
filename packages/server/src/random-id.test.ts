import { expect, test } from 'vitest'
import { randomId } from './random-id.js'

test('gives ids of the length that was asked for, each once, over many fillings of the pool', () => {
  const ids = Array.from({ length: 20_000 }, () => randomId(12))
  expect(new Set(ids).size).toBe(ids.length)
  expect(new Set(ids.map(({ length }) => length))).toEqual(new Set([16]))
  const bytes = Buffer.concat(ids.map((id) => Buffer.from(id, 'base64url')))
  const zeros = bytes.filter((byte) => byte === 0).length
  expect(zeros).toBeGreaterThan((bytes.length / 256) * 0.8)
  expect(zeros).toBeLessThan((bytes.length / 256) * 1.2)
})
