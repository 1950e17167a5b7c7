import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build, type Rolldown } from 'vite'
import { expect, test } from 'vitest'

const MAX_GZIP_BYTES = 10_000

const ENTRY = 'virtual-entry.js'

const APPLICATION = "import { createClient } from '@tidings/client'; globalThis.createClient = createClient"

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** What a browser gets of an application that imports only this, minified. */
const bundle = async (statement: string): Promise<string> => {
  const output = await build({
    configFile: false,
    logLevel: 'error',
    resolve: {
      alias: [
        { find: /^@tidings\/client$/, replacement: source('./index.ts') },
        { find: /^@tidings\/client\/msgpack$/, replacement: source('./msgpack.ts') },
        { find: /^@tidings\/(protocol|contract)$/, replacement: source('../../$1/src/index.ts') },
        { find: /^@tidings\/protocol\/msgpack$/, replacement: source('../../protocol/src/msgpack.ts') },
      ],
    },
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id.endsWith(ENTRY) ? ENTRY : undefined),
        load: (id) => (id === ENTRY ? statement : undefined),
      },
    ],
    build: {
      write: false,
      target: 'esnext',
      modulePreload: false,
      rolldownOptions: { input: ENTRY },
    },
  })
  const [first] = [output].flat() as Rolldown.RolldownOutput[]
  expect(first?.output).toHaveLength(1)
  return first?.output[0].code ?? ''
}

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
