/**
 * `npm run bench`: installs the bench's own packages if they are missing or stale, builds ours if they are stale, and runs the bench.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'

const BENCH = import.meta.dirname

/** @param {string} what @param {string} command @param {readonly string[]} words */
const run = (what, command, words) => {
  if (what !== '') console.log(what)
  const { status, error } = spawnSync(command, words, { cwd: resolve(BENCH, '..'), stdio: 'inherit' })
  if (error !== undefined) throw error
  if (status !== 0) process.exit(status ?? 1)
}

const INSTALLED = resolve(BENCH, 'node_modules/.package-lock.json')
const isInstalled =
  existsSync(INSTALLED) && statSync(INSTALLED).mtimeMs >= statSync(resolve(BENCH, 'package-lock.json')).mtimeMs
if (!isInstalled) {
  run('Installing the packages of the peers into bench/ …', 'npm', ['ci', '--prefix', BENCH, '--ignore-scripts'])
}
run('', process.execPath, [resolve(BENCH, '../scripts/build.mjs')])
await import('./src/main.mjs')
