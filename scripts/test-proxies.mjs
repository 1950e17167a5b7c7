/**
 * Tries the documented proxy configurations against the real programs: `npm run test:proxies [-- --install]`. A program
 * that is not here is a failure; with `--install` it is installed from Debian where this user may, and what cannot be had is
 * said and left out.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const ROOT = resolve(import.meta.dirname, '..')
const PROGRAMS = ['nginx', 'haproxy', 'caddy']
/** Where Debian has servers, on the path of root only. */
const PATH = [process.env.PATH ?? '', '/usr/sbin', '/usr/local/sbin'].join(delimiter)
/** No service is started by installing it. */
const INSTALL_ENV = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }

const { values } = parseArgs({ options: { install: { type: 'boolean', default: false } } })

/** @param {string} program */
const isHere = (program) =>
  PATH.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })

/**
 * @param {readonly string[]} command
 * @param {NodeJS.ProcessEnv} env
 */
const run = ([program = '', ...args], env) => spawnSync(program, args, { cwd: ROOT, env, stdio: 'inherit' }).status ?? 1

/** @param {readonly string[]} programs one by one: a system that has not all may have some */
const install = (programs) => {
  if (!isHere('apt-get')) return
  // -n and -E: never ask for a password, keep the environment.
  const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n', '-E']
  if (asRoot.length > 0 && !isHere('sudo')) return
  run([...asRoot, 'apt-get', 'update', '-qq'], INSTALL_ENV)
  for (const program of programs) {
    run([...asRoot, 'apt-get', 'install', '-y', '-qq', '--no-install-recommends', program], INSTALL_ENV)
  }
}

const missing = () => PROGRAMS.filter((program) => !isHere(program))

if (values.install && missing().length > 0) install(missing())
const absent = missing()
if (absent.length > 0) {
  console.error(`Not here: ${absent.join(', ')}; as root: apt-get install ${absent.join(' ')}.`)
  if (!values.install) process.exit(1)
  console.error(
    'They cannot be installed by this user on this system, so their configurations are NOT tried in this run.',
  )
}
const files = ['documented', ...PROGRAMS.filter(isHere)].map((name) => `test/proxies/${name}.test.ts`)
process.exit(
  run(['npx', 'vitest', 'run', '--config', 'test/proxies/vitest.config.ts', ...files], { ...process.env, PATH }),
)
