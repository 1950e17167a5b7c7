/**
 * `npm start`: builds what is stale, then becomes `tidings serve` with the development profile and the chat example.
 * Options after `--` are passed on and win: `npm start -- --port 9090`. The command runs in this process, so signals
 * reach it and its exit code is ours.
 */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const ROOT = resolve(import.meta.dirname, '..')
const TIDINGS = resolve(ROOT, 'packages/cli/bin/tidings.js')

process.chdir(ROOT)
await import('./build.mjs')

const options = process.argv.slice(2)
process.argv = [process.execPath, TIDINGS, 'serve', '--dev', '--config', 'examples/chat/tidings.config.ts', ...options]
await import(pathToFileURL(TIDINGS).href)
