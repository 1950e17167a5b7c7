import { resolve } from 'node:path'
import { defineConfig } from 'vitest/config'

/** Run by `npm run test:proxies`, which knows what is installed; `npm test` needs no proxy. */
export default defineConfig({
  test: {
    root: resolve(import.meta.dirname, '../..'),
    include: ['test/proxies/*.test.ts'],
    retry: 0,
    maxWorkers: 2,
    server: { deps: { external: [/\/packages\/[^/]+\/dist\//] } },
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
