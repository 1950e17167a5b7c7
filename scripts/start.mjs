/**
 * `npm start`: builds what is stale, then becomes `tidings serve` with the development profile and the chat example.
 * Options after `--` are passed on and win: `npm start -- --port 9090`. The command runs in this process, so signals
 * reach it and its exit code is ours.
 */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const ROOT = resolve(import.meta.dirname, '..')
const TIDINGS = resolve(ROOT, 'packages/cli/bin/tidings.js')

const PARENT_CHECK_MS = 250

/**
 * A signal sent to npm alone ends npm and the shell between us, and not this process: it ends when its parent is gone.
 */
const endWithNpm = () => {
  const parent = process.ppid
  const check = () => {
    if (process.ppid === parent) return
    clearInterval(timer)
    process.kill(process.pid, 'SIGTERM')
  }
  const timer = setInterval(check, PARENT_CHECK_MS).unref()
}

process.chdir(ROOT)
if (process.env.npm_lifecycle_event === 'start') endWithNpm()
await import('./build.mjs')

const options = process.argv.slice(2)
process.argv = [process.execPath, TIDINGS, 'serve', '--dev', '--config', 'examples/chat/tidings.config.ts', ...options]
await import(pathToFileURL(TIDINGS).href)
