import { resolve } from 'node:path'
import { ESLint } from 'eslint'
import { describe, expect, it } from 'vitest'

const ROOT = resolve(import.meta.dirname, '../..')

/** The project's configuration with this one rule, which needs no types: the files named below need not exist. */
const eslint = new ESLint({
  cwd: ROOT,
  ruleFilter: ({ ruleId }) => ruleId === 'boundaries/imports',
  overrideConfig: { languageOptions: { parserOptions: { projectService: false } } },
})

/** What the project's own lint configuration says about the imports of a file with this text. */
const problems = async (filePath: string, code: string): Promise<readonly string[]> => {
  const results = await eslint.lintText(code, { filePath: resolve(ROOT, filePath) })
  return results.flatMap(({ messages }) => messages.map(({ message }) => message))
}

const FORBIDDEN: readonly [file: string, code: string, problem: RegExp][] = [
  ['packages/protocol/src/index.ts', `export * from '@tidings/contract'`, /must not import @tidings\/contract/],
  ['packages/contract/src/index.ts', `import '@tidings/protocol'`, /must not import @tidings\/protocol/],
  [
    'packages/client/src/index.ts',
    `import type { Backend } from '@tidings/server'`,
    /must not import @tidings\/server/,
  ],
  [
    'packages/client/src/index.ts',
    `export type T = import('@tidings/server/disk').T`,
    /must not import @tidings\/server/,
  ],
  ['packages/client/src/index.ts', `export { x } from '../../server/src/index.js'`, /by its name/],
  ['packages/client/src/index.ts', `import { EventEmitter } from 'node:events'`, /must run in browsers/],
  ['packages/client/src/index.ts', `import { EventEmitter } from 'events'`, /must run in browsers/],
  ['packages/client/src/index.ts', `import { z } from 'zod'`, /does not depend on zod/],
  ['packages/server/src/index.ts', `import '@tidings/client'`, /must not import @tidings\/client/],
  ['packages/server/src/index.ts', `await import('tidings')`, /nobody imports the command line/],
  ['packages/server/src/index.ts', `import '../../../conformance/vectors.js'`, /must not reach out/],
  ['packages/server/src/session/session.ts', `import 'lmdb'`, /concrete backend/],
  ['packages/server/src/session/session.ts', `import '../backend/disk/index.js'`, /concrete backend/],
  ['packages/server/src/session/session.ts', `import './../backend/./memory/index.js'`, /concrete backend/],
  ['packages/server/src/session/session.ts', `await import('@tidings/server/memory')`, /concrete backend/],
  ['packages/server/src/session/session.ts', `import '@tidings/client'`, /must not import @tidings\/client/],
  ['packages/server/src/tidings.test.ts', `import 'tidings'`, /nobody imports the command line/],
  ['packages/testing/src/index.ts', `import 'tidings'`, /nobody imports the command line/],
  ['examples/chat/src/main.tsx', `import '@tidings/server'`, /must not import @tidings\/server/],
  ['examples/chat/src/main.tsx', `import '../../../packages/client/src/index.js'`, /by its name/],
]

const ALLOWED: readonly [file: string, code: string][] = [
  ['packages/client/src/index.ts', `import '@tidings/protocol'`],
  ['packages/client/src/index.ts', `import './network.js'`],
  ['packages/server/src/index.ts', `import { createServer } from 'node:http'`],
  ['packages/server/src/session/session.ts', `import type { Backend } from '../backend/backend.js'`],
  ['packages/server/src/session/session.test.ts', `import '../backend/memory/index.js'`],
  ['packages/cli/src/index.ts', `import '@tidings/server/disk'`],
  ['examples/chat/tidings.config.ts', `import type { TidingsConfig } from 'tidings'`],
  ['bench/src/servers/tidings.config.mjs', `import { defineConfig } from 'tidings'`],
  ['packages/contract/src/contract.test.ts', `import * as z from 'zod'`],
]

describe('the import boundaries', () => {
  for (const [file, code, problem] of FORBIDDEN) {
    it(`refuse in ${file}: ${code}`, async () => {
      expect(await problems(file, code)).toEqual([expect.stringMatching(problem)])
    })
  }

  for (const [file, code] of ALLOWED) {
    it(`allow in ${file}: ${code}`, async () => {
      expect(await problems(file, code)).toEqual([])
    })
  }
})
