import { jsonCodec, type Publication } from '@tidings/protocol'
import { msgpackCodec } from '@tidings/protocol/msgpack'
import { expect, test } from 'vitest'
import type { StoredPublication } from '../backend/backend.js'
import { publicationFrames, variantOf } from './encode.js'

const LIMIT = 65_536
const codecs = [
  ['JSON', jsonCodec],
  ['MessagePack', msgpackCodec],
] as const
const json = variantOf(jsonCodec, 0, false)

/** Publications 1, 2, 3 … with payloads of so many characters. */
const publications = (...sizes: readonly number[]): readonly StoredPublication[] =>
  sizes.map((size, index) => ({
    offset: index + 1,
    position: `p:${index + 1}`,
    time: 5,
    payload: JSON.stringify('x'.repeat(size - 2)),
    publisher: null,
    id: `${index + 1}`,
  }))

const framesOf = (...sizes: readonly number[]) => publicationFrames(json, 'a', publications(...sizes))

test.each([
  ['that fill a frame exactly stay together', [LIMIT - 100, 100], [2]],
  ['that are one byte more are split', [LIMIT - 100, 101], [1, 1]],
  ['that follow are counted from the start of each frame', [40_000, 40_000, 20_000, 10_000, 40_000], [1, 2, 2]],
  ['that are small share one frame', Array.from({ length: 50 }, () => 100), [50]],
  ['that are too large for a frame have one alone', [100, LIMIT + 1, 100], [1, 1, 1]],
  ['that are none make no frame', [], []],
])('publications %s', (_, sizes, counts) => {
  const frames = framesOf(...sizes)
  expect(frames.map(({ count }) => count)).toEqual(counts)
  const ends = counts.map((_count, index) => counts.slice(0, index + 1).reduce((sum, count) => sum + count, 0))
  expect(frames.map(({ end }) => end)).toEqual(ends.map((offset) => ({ offset, position: `p:${offset}` })))
})

test.each(codecs)('every publication is in one of the frames, in order, as %s', (_, codec) => {
  const frames = publicationFrames(variantOf(codec, 3, false), 'a', publications(30_000, 30_000, 30_000, 70_000, 10))
  const pushed = frames.flatMap(({ bytes }) => {
    const payload = bytes.subarray(bytes[1] === 127 ? 10 : bytes[1] === 126 ? 4 : 2)
    const [push] = codec.decode(codec === jsonCodec ? payload.toString() : payload) ?? []
    expect(push).toMatchObject({ type: 'publications', channel: 'a', sub: 3 })
    return (push as { publications: readonly Publication[] }).publications
  })
  expect(pushed.map(({ offset }) => offset)).toEqual([1, 2, 3, 4, 5])
  expect(pushed.map(({ data }) => (data as string).length)).toEqual([29_998, 29_998, 29_998, 69_998, 8])
})

const extras = [{}, { key: 'k' }, { tags: { a: 'b' } }, { key: 'k', tags: { a: 'b' } }]

test.each(
  codecs.flatMap(([name, codec]) =>
    extras.map((extra) => [Object.keys(extra).join(' and '), name, codec, extra] as const),
  ),
)('a publication has its %s and nothing else as %s', (_fields, _name, codec, extra) => {
  const [stored] = publications(10)
  const [frame] = publicationFrames(variantOf(codec, 0, false), 'a', [{ ...stored, ...extra } as StoredPublication])
  const payload = frame?.bytes.subarray(frame.bytes[1] === 126 ? 4 : 2)
  const [push] = codec.decode(codec === jsonCodec ? String(payload) : (payload ?? '')) ?? []
  expect(push).toEqual({
    type: 'publications',
    channel: 'a',
    publications: [{ offset: 1, position: 'p:1', time: 5, data: 'xxxxxxxx', publisher: null, id: '1', ...extra }],
  })
})
