import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { APPLICATION, bundle } from '../test/bundle.js'

const MAX_GZIP_BYTES = 10_000

test('has at most 10 kB for a browser with the JSON codec, minified and gzipped', async () => {
  const code = await bundle(APPLICATION)
  expect(code).toContain('tidings.v1.json')
  expect(gzipSync(code, { level: 9 }).length).toBeLessThanOrEqual(MAX_GZIP_BYTES)
})

test('leaves out what a client does not need', async () => {
  const code = await bundle(APPLICATION)
  // The other codec, the meanings of error codes, the server's check of commands, and the making of contracts.
  for (const text of ['tidings.v1.msgpack', 'the token was refused', 'must be a string of', 'is not a rule']) {
    expect(code).not.toContain(text)
  }
})

test('has the msgpack codec as an import of its own', async () => {
  const code = await bundle("import { msgpackCodec } from '@tidings/client/msgpack'; globalThis.codec = msgpackCodec")
  expect(code).toContain('tidings.v1.msgpack')
})
