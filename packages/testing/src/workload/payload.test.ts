import { jsonCodec } from '@tidings/protocol'
import { msgpackCodec } from '@tidings/protocol/msgpack'
import { describe, expect, it } from 'vitest'
import { Random } from '../random.js'
import { hashOf, randomData } from './payload.js'

const LIMIT = 65_536
const bytesOf = (data: unknown): number =>
  data instanceof Uint8Array ? data.length : Buffer.byteLength(JSON.stringify(data))

const samples = (count: number): readonly unknown[] => {
  const random = new Random(5)
  return Array.from({ length: count }, () => randomData(random, LIMIT))
}

describe('randomData', () => {
  it('has from one byte to exactly the limit, as JSON and as bytes', () => {
    const data = samples(3000)
    const sizes = data.map(bytesOf)
    expect(Math.min(...sizes)).toBe(1)
    expect(Math.max(...sizes)).toBe(LIMIT)
    expect(new Set(data.map((each) => each instanceof Uint8Array))).toEqual(new Set([true, false]))
  })

  it('is the same for the same seed', () => {
    expect(samples(50).map((data) => hashOf(data))).toEqual(samples(50).map((data) => hashOf(data)))
  })
})

describe('hashOf', () => {
  it('is the same after either codec carried the data', () => {
    for (const data of samples(200)) {
      for (const codec of [jsonCodec, msgpackCodec]) {
        const [decoded] = codec.decode(codec.encode({ type: 'publish', id: 1, data })) ?? []
        expect(hashOf((decoded as { data: unknown }).data)).toBe(hashOf(data))
      }
    }
  })

  it('tells bytes from text, and one key from another', () => {
    const hashes = [hashOf('1'), hashOf(1), hashOf(new Uint8Array([49])), hashOf(1, 'a'), hashOf(1, 'b')]
    expect(new Set(hashes).size).toBe(hashes.length)
  })
})
