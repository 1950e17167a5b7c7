import { fileURLToPath } from 'node:url'
import { build, type Rolldown } from 'vite'

const ENTRY = 'virtual-entry.js'

/** An application that only makes its global `createClient` available. */
export const APPLICATION = "import { createClient } from '@tidings/client'; globalThis.createClient = createClient"

const source = (path: string): string => fileURLToPath(new URL(`../src/${path}`, import.meta.url))

/** What a browser gets of an application that imports only this, minified. */
export const bundle = async (statement: string): Promise<string> => {
  const output = await build({
    configFile: false,
    logLevel: 'error',
    resolve: {
      alias: [
        { find: /^@tidings\/client$/, replacement: source('index.ts') },
        { find: /^@tidings\/client\/msgpack$/, replacement: source('msgpack.ts') },
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
  if (first?.output.length !== 1) throw new Error('the bundle is not one file')
  return first.output[0].code
}
