import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { base64ToBytes, bytesToBase64, jsonCodec } from './index.js'

describe('base64', () => {
  it('is what Node makes, for bytes of any length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20_000 }), (bytes) => {
        expect(bytesToBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'))
        expect(base64ToBytes(bytesToBase64(bytes))).toEqual(bytes)
      }),
    )
  })

  it('carries a megabyte', () => {
    const bytes = new Uint8Array(2 ** 20).map((_, index) => index)
    expect(Buffer.compare(base64ToBytes(bytesToBase64(bytes)) ?? new Uint8Array(), bytes)).toBe(0)
  })

  it('is undefined for text that is not base64, and throws for none', () => {
    for (const text of ['*', 'a', 'a===', 'ab=c', '-_-_', 'é']) expect(base64ToBytes(text)).toBeUndefined()
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void base64ToBytes(text)))
  })
})

describe('the JSON codec', () => {
  it('leaves a JSON payload with a field named bytes alone', () => {
    const sent = { type: 'publish', id: 1, channel: 'a', data: { bytes: 'AAEC' } }
    expect(jsonCodec.encode(sent)).toBe(JSON.stringify(sent))
    expect(jsonCodec.decode(jsonCodec.encode(sent))).toEqual([sent])
  })

  it('takes the data when a message has data and bytes', () => {
    expect(jsonCodec.decode('{"type":"publish","id":1,"data":1,"bytes":"AAEC"}')).toEqual([
      { type: 'publish', id: 1, data: 1, bytes: 'AAEC' },
    ])
  })

  it('leaves bytes that are not base64 as they are, so that the data is missing', () => {
    expect(jsonCodec.decode('{"type":"publish","id":1,"bytes":"a*"}')).toEqual([
      { type: 'publish', id: 1, bytes: 'a*' },
    ])
  })

  it('makes text of a Buffer like of any bytes', () => {
    const frame = jsonCodec.encode({ type: 'publish', id: 1, channel: 'a', data: Buffer.from([0, 255]) })
    expect(frame).toBe('{"type":"publish","id":1,"channel":"a","bytes":"AP8="}')
  })
})
