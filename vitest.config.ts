import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { defineConfig } from 'vitest/config'

interface Manifest {
  readonly name: string
  readonly exports?: Readonly<Record<string, { readonly default: string }>>
}

const SECOND_MS = 1000

/** Every entry of every package by its name, leading to the source it is built from: unit tests need no build. */
const sourceAliases = readManifests().flatMap(({ folder, manifest }) =>
  Object.entries(manifest.exports ?? {}).map(([entry, target]) => ({
    find: new RegExp(`^${manifest.name}${entry.slice(1)}$`),
    replacement: resolve(folder, target.default.replace('./dist/', 'src/').replace(/\.js$/, '.ts')),
  })),
)

function readManifests(): readonly { readonly folder: string; readonly manifest: Manifest }[] {
  const packages = resolve(import.meta.dirname, 'packages')
  return readdirSync(packages).map((name) => {
    const folder = resolve(packages, name)
    return { folder, manifest: JSON.parse(readFileSync(resolve(folder, 'package.json'), 'utf8')) as Manifest }
  })
}

const timeouts = (seconds: number) => ({
  testTimeout: seconds * SECOND_MS,
  hookTimeout: seconds * SECOND_MS,
  // Vitest's own second is soon over on a busy machine.
  expect: { poll: { timeout: 20 * SECOND_MS } },
})

/** Real processes run what was built, and what was built is loaded as Node loads it. */
const built = { server: { deps: { external: [/\/packages\/[^/]+\/dist\//] } } }

const INTEGRATION = '**/*.integration.test.ts'
/** Minutes of random faults, attacks and recorded days: `npm run test:long`. */
const LONG = [
  'test/faults/{faults,power}.test.ts',
  'test/attacks/{attacks,instrument}.test.ts',
  'test/chat-day/chat-day.test.ts',
]
const BROWSER = ['**/*.browser.test.ts', 'test/browser/**']

export default defineConfig({
  test: {
    retry: 0,
    maxWorkers: 2,
    projects: [
      {
        resolve: { alias: sourceAliases },
        test: {
          name: 'unit',
          include: ['packages/**/*.test.ts', 'examples/**/*.test.{ts,tsx}'],
          exclude: ['**/node_modules/**', '**/dist/**', INTEGRATION, ...BROWSER],
          ...timeouts(60),
        },
      },
      {
        resolve: { alias: sourceAliases },
        test: { name: 'conformance', include: ['conformance/**/*.test.ts'], ...timeouts(60) },
      },
      {
        test: {
          name: 'integration',
          include: [`packages/${INTEGRATION}`, `examples/${INTEGRATION}`, 'test/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**', 'test/proxies/**', ...LONG, ...BROWSER],
          sequence: { groupOrder: 1 },
          ...built,
          ...timeouts(120),
        },
      },
      {
        test: {
          name: 'long',
          include: LONG,
          exclude: ['**/node_modules/**', '**/dist/**'],
          sequence: { groupOrder: 3 },
          ...built,
          ...timeouts(120),
        },
      },
      {
        test: {
          name: 'browser',
          include: ['examples/**/*.browser.test.ts', 'test/browser/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**'],
          fileParallelism: false,
          sequence: { groupOrder: 2 },
          ...built,
          ...timeouts(180),
        },
      },
    ],
  },
})
