import { describe, expect, it } from 'vitest'
import { isPublicationData, jsonProblem, payloadProblem, PROTOCOL_LIMITS } from './index.js'

const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth))

describe('payloadProblem', () => {
  it('finds none in plain JSON and in bytes as a whole', () => {
    const fine = [
      null,
      true,
      0,
      -0.5,
      '',
      'é😀',
      [],
      {},
      [1, [2]],
      { a: { b: null } },
      new Uint8Array(2),
      Buffer.from('a'),
    ]
    for (const value of [...fine, Object.create(null)]) {
      expect(payloadProblem(value)).toBeUndefined()
      expect(isPublicationData(value)).toBe(true)
    }
  })

  it('finds what one of the codecs would lose or change', () => {
    const lost: unknown[] = [undefined, NaN, Infinity, -Infinity, 1n, Symbol('a'), () => 1, new Date(0), new Map(), /a/]
    const texts: unknown[] = ['\ud800', 'a\udc00', { '\ud800': 1 }]
    const inside: unknown[] = [
      [new Uint8Array(1)],
      { file: new Uint8Array(1) },
      [undefined],
      { a: undefined },
      [1, [NaN]],
    ]
    for (const value of [...lost, ...texts, ...inside, JSON.parse('{"__proto__":1}')]) {
      expect(payloadProblem(value)).toMatch(/^it /)
      expect(isPublicationData(value)).toBe(false)
    }
  })

  it('finds holes in arrays, which JSON would fill with null', () => {
    const holes: unknown[] = []
    holes[2] = 1
    expect(payloadProblem(holes)).toBeDefined()
  })

  it('allows as many containers inside each other as the limit says', () => {
    expect(payloadProblem(nested(PROTOCOL_LIMITS.maxPayloadDepth))).toBeUndefined()
    expect(payloadProblem(nested(PROTOCOL_LIMITS.maxPayloadDepth + 1))).toMatch(/nested/)
  })

  it('finds a value that contains itself', () => {
    const circle: Record<string, unknown> = {}
    circle.self = circle
    expect(payloadProblem(circle)).toMatch(/nested/)
  })
})

describe('jsonProblem', () => {
  it('finds bytes, which JSON cannot hold', () => {
    expect(jsonProblem(new Uint8Array(1))).toMatch(/bytes/)
  })
})
