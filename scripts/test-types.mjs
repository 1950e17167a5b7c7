/**
 * Type-checks a project that uses the packed packages by every version of TypeScript and of @types/node that is supported:
 * `npm run test:types`. Installs them from the registry, and takes some minutes.
 */
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '..')
const vitest = resolve(ROOT, 'node_modules/vitest/vitest.mjs')
const { status } = spawnSync(
  process.execPath,
  [vitest, 'run', '--project', 'integration', 'test/packaging/type-range'],
  {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, TYPE_RANGE: 'all' },
  },
)
process.exitCode = status ?? 1
