/**
 * A process that runs unit tests with one source file changed, in memory: no file is written, so a run that is killed
 * leaves nothing behind. Answers each request that its parent sends (see `requests.mjs`).
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { loadConfigFromFile } from 'vite'
import { createVitest } from 'vitest/node'
import { mutated, traced } from './mutants-of.mjs'

const ROOT = resolve(import.meta.dirname, '../..')

/** @type {(text: string, file: string) => string | undefined} */
let change = () => undefined

/** Gives Vite the changed source. @type {import('vite').Plugin} */
const changedSources = {
  name: 'changed-sources',
  enforce: 'pre',
  load: (id) => {
    const [file = ''] = id.split('?')
    if (!file.startsWith(ROOT) || !file.endsWith('.ts') || file.includes('/node_modules/')) return undefined
    return change(readFileSync(file, 'utf8'), file)
  },
}

/** The project `unit` of our own configuration. */
const unitProject = async () => {
  const loaded = await loadConfigFromFile({ command: 'serve', mode: 'test' }, join(ROOT, 'vitest.config.ts'))
  const config = /** @type {import('vitest/config').ViteUserConfig | undefined} */ (loaded?.config)
  for (const project of config?.test?.projects ?? []) {
    if (typeof project === 'object' && 'test' in project && project.test.name === 'unit') return project
  }
  throw new Error('vitest.config.ts has no project named unit')
}

/** Runs files in the order it is given them. */
class GivenOrder {
  /** @param {import('vitest/node').TestSpecification[]} files */
  shard = (files) => Promise.resolve(files)
  /** @param {import('vitest/node').TestSpecification[]} files */
  sort = (files) => Promise.resolve(files)
}

const project = await unitProject()

/** @param {{ readonly bail: number, readonly testTimeout: number, readonly hits?: string }} how `hits`: a folder for what `tell-places.mjs` tells */
const create = async ({ bail, testTimeout, hits }) => {
  const vitest = await createVitest(
    'test',
    {
      ...project.test,
      ...{
        config: false,
        root: ROOT,
        watch: true,
        pool: 'threads',
        maxWorkers: 1,
        bail,
        testTimeout,
        hookTimeout: testTimeout,
      },
      reporters: [{}],
      sequence: { sequencer: GivenOrder },
      ...(hits === undefined
        ? {}
        : { setupFiles: [join(import.meta.dirname, 'tell-places.mjs')], env: { TIDINGS_MUTANTS_HITS: hits } }),
    },
    { resolve: project.resolve ?? {}, plugins: [changedSources], server: { watch: null } },
  )
  await vitest.standalone()
  return vitest
}

/** @type {import('vitest/node').Vitest | undefined} */
let vitest

/** @param {import('./requests.mjs').Trace} request @returns {Promise<import('./requests.mjs').Traced>} */
const trace = async ({ sources, tests }) => {
  const traces = new Map(sources.map((file) => [resolve(ROOT, file), file]))
  change = (text, path) => {
    const file = traces.get(path)
    return file === undefined ? undefined : traced(file, text)
  }
  const folder = mkdtempSync(join(tmpdir(), 'tidings-mutants-'))
  const started = await create({ bail: 0, testTimeout: 120_000, hits: folder })
  const specifications = await started.globTestSpecifications(tests.map((path) => resolve(ROOT, path)))
  const { testModules } = await started.runTestSpecifications(specifications)
  const failed = testModules.filter((module) => !module.ok()).map(({ moduleId }) => moduleId)
  const results = testModules.map((module) => ({
    test: module.moduleId,
    ms: module.diagnostic().duration,
    longestMs: Math.max(0, ...[...module.children.allTests()].map((test) => test.diagnostic()?.duration ?? 0)),
  }))
  const hits = readdirSync(folder).map((name) => {
    /** @type {unknown} */
    const parsed = JSON.parse(readFileSync(join(folder, name), 'utf8'))
    return /** @type {{ readonly test: string, readonly places: readonly string[] }} */ (parsed)
  })
  rmSync(folder, { recursive: true })
  await started.close()
  return { failed, tests: results, hits }
}

/** @param {import('./requests.mjs').Try} request @returns {Promise<import('./requests.mjs').Tried>} */
const tryMutant = async ({ file, mutant, tests, testTimeoutMs }) => {
  const path = resolve(ROOT, file)
  change = (text, changed) => (changed === path ? mutated(text, mutant) : undefined)
  vitest ??= await create({ bail: 1, testTimeout: testTimeoutMs })
  vitest.invalidateFile(path)
  const all = await vitest.globTestSpecifications([...tests])
  const specifications = tests.flatMap((test) => all.filter(({ moduleId }) => moduleId === test))
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications)
  change = () => undefined
  vitest.invalidateFile(path)
  const failed = testModules.find((module) => !module.ok())
  return { isKilled: failed !== undefined || unhandledErrors.length > 0 }
}

process.on('message', (message) => {
  const request = /** @type {import('./requests.mjs').Request} */ (message)
  const answering = request.kind === 'trace' ? trace(request) : tryMutant(request)
  answering.then(
    (answer) => process.send?.({ answer }),
    (/** @type {unknown} */ error) => process.send?.({ error: error instanceof Error ? error.stack : String(error) }),
  )
})
process.on('disconnect', () => process.exit())
