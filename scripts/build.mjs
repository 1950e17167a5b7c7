/**
 * Builds what is stale: the packages with `tsc -b`, then each example whose sources, or the packages it is made of, are
 * newer than its pages. Prints a line for what takes long, and nothing when there is nothing to do.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '..')

/** What the browser pages of an example are built from, beside its own files. */
const BROWSER_PACKAGES = ['protocol', 'contract', 'client']
const NOT_SOURCES = ['dist', 'node_modules']

/** @param {string} folder */
const subfolders = (folder) => readdirSync(folder).filter((name) => statSync(join(folder, name)).isDirectory())

/**
 * Runs a tool of the workspace; ends the process with its exit code if it fails.
 * @param {string} script path in node_modules
 * @param {readonly string[]} options
 * @param {string} folder
 */
const run = (script, options, folder = ROOT) => {
  const result = spawnSync(process.execPath, [resolve(ROOT, 'node_modules', script), ...options], {
    cwd: folder,
    stdio: 'inherit',
  })
  if (result.error !== undefined) throw result.error
  if (result.status !== 0) process.exit(result.status ?? 1)
}

/**
 * When something in a folder last changed. Folders count too: removing a file changes its folder.
 * @param {string} path
 * @returns {number} milliseconds since 1970
 */
const newestMs = (path) => {
  const stats = statSync(path)
  if (!stats.isDirectory()) return stats.mtimeMs
  const inside = readdirSync(path).filter((name) => !NOT_SOURCES.includes(name))
  // A folder with a `dist` in it changes when that is written, which is no change of a source.
  const own = inside.length === readdirSync(path).length ? stats.mtimeMs : 0
  return Math.max(own, ...inside.map((name) => newestMs(join(path, name))))
}

/** @param {string} example */
const isStale = (example) => {
  const page = join(example, 'dist', 'index.html')
  if (!existsSync(page)) return true
  const packages = BROWSER_PACKAGES.map((name) => resolve(ROOT, 'packages', name, 'dist'))
  return Math.max(...[example, ...packages].map(newestMs)) > statSync(page).mtimeMs
}

/** What only tests use is not built. */
const UNSHIPPED = /\.(test|fixture)\.ts$/

/**
 * Removes what was built from sources that are gone or are no longer built, which `tsc` leaves behind.
 * @param {string} folder a package
 */
const prune = (folder) => {
  for (const file of readdirSync(join(folder, 'dist'), { encoding: 'utf8', recursive: true })) {
    const source = file.replace(/\.(d\.ts|js|js\.map)$/, '.ts')
    if (source === file || (existsSync(join(folder, 'src', source)) && !UNSHIPPED.test(source))) continue
    rmSync(join(folder, 'dist', file))
  }
}

const buildPackages = () => {
  const names = subfolders(resolve(ROOT, 'packages'))
  if (!names.every((name) => existsSync(resolve(ROOT, 'packages', name, 'dist'))))
    console.log('Building the packages …')
  run('typescript/bin/tsc', ['-b', ...names.map((name) => join('packages', name))])
  for (const name of names) prune(resolve(ROOT, 'packages', name))
}

const buildExamples = () => {
  for (const name of subfolders(resolve(ROOT, 'examples'))) {
    const example = resolve(ROOT, 'examples', name)
    if (!existsSync(join(example, 'vite.config.ts')) || !isStale(example)) continue
    console.log(`Building examples/${name} …`)
    run('vite/bin/vite.js', ['build', '--logLevel', 'warn'], example)
  }
}

buildPackages()
buildExamples()
