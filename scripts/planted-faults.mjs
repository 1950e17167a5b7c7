/**
 * Proves that the fault harness can fail: plants one fault at a time in a copy of the built server, outside this checkout,
 * and shows that the harness catches it. `--only PART` runs those whose name contains PART; `--rounds 4` bounds the tries.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { runEpisode, Summary } from '@tidings/testing/soak'

const ROOT = resolve(import.meta.dirname, '..')
const EPISODE_MS = 15_000

/**
 * @typedef {object} Plant
 * @property {string} name
 * @property {string} file in the server's `dist`
 * @property {string} find exactly once in the file
 * @property {string} put in its place
 * @property {readonly string[]} emphasis faults that bring it out
 */

/** @type {readonly Plant[]} */
const PLANTS = [
  {
    name: 'acknowledge before the commit',
    file: 'backend/disk/writer.js',
    find: 'await this.#inTime(this.#commit(jobs, accepted));',
    put: 'const late = this.#inTime(this.#commit(jobs, accepted)); for (const job of accepted) job.resolve(); await late;',
    emphasis: ['kill'],
  },
  {
    name: 'deliver before it is stored',
    file: 'backend/disk/writer.js',
    find: 'await this.#inTime(this.#commit(jobs, accepted));',
    put: 'const late = this.#inTime(this.#commit(jobs, accepted)); for (const job of accepted) job.tell?.(); await late;',
    emphasis: ['kill'],
  },
  {
    name: 'drop on a full socket',
    file: 'fanout/subscription.js',
    find: 'this.#fallBehind({ position: end.position, offset: end.offset }, told);\n                return;',
    put: 'continue;',
    emphasis: ['slow', 'stall'],
  },
  {
    name: 'forget a subscription that fell behind',
    file: 'fanout/subscription.js',
    find: 'else\n            void catchUp(this);\n    }\n    /** Nothing is queued',
    put: '}\n    /** Nothing is queued',
    emphasis: ['slow', 'stall'],
  },
  {
    name: 'resume from offset + 2',
    file: 'backend/read-page.js',
    find: 'return forwardPage(log, request, null, start);',
    put: 'return forwardPage(log, request, null, Math.min(start + 1, log.tail));',
    emphasis: [],
  },
  {
    name: 'leave out the gap of what was trimmed',
    file: 'backend/read-page.js',
    find: 'return forwardPage(log, request, gap, log.floor);',
    put: 'return forwardPage(log, request, null, log.floor);',
    emphasis: ['stall', 'refuse'],
  },
  {
    name: 'resume from the last one once more',
    file: 'backend/read-page.js',
    find: 'return forwardPage(log, request, null, start);',
    put: 'return forwardPage(log, request, null, Math.max(log.floor, start - 1));',
    emphasis: [],
  },
  {
    name: 'forget the ids at a restart',
    file: 'backend/disk/dedupe.js',
    find: "for (const { key, value } of store.scan('dedupe', ALL))",
    put: 'for (const { key, value } of [])',
    emphasis: ['kill'],
  },
  {
    name: 'ignore the lineage',
    file: 'backend/disk/disk-channel.js',
    find: 'this.#lineage.numberOf(parsed.log)',
    put: 'this.#lineage.current',
    emphasis: ['copy', 'restore', 'wipe'],
  },
  {
    name: 'start every log in memory with the same epoch',
    file: 'backend/memory/channel-log.js',
    find: "randomBytes(EPOCH_BYTES).toString('base64url')",
    put: "'the-same'",
    emphasis: ['kill'],
  },
  {
    name: 'take other data under the same id',
    file: 'backend/memory/memory-log.js',
    find: 'first.fingerprint === fingerprint',
    put: 'fingerprint !== undefined',
    emphasis: [],
  },
]

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '4' },
    seed: { type: 'string', default: '1' },
  },
})

/**
 * Makes a place where the command line finds a server of its own, and everything else where it is.
 * @returns {{ readonly dir: string, readonly cli: string, readonly server: string }}
 */
const copyServer = () => {
  const dir = mkdtempSync(join(tmpdir(), 'tidings-planted-'))
  const modules = join(dir, 'node_modules')
  mkdirSync(join(modules, '@tidings'), { recursive: true })
  for (const name of readdirSync(join(ROOT, 'node_modules'))) {
    if (name.startsWith('.') || name === '@tidings' || name === 'tidings') continue
    symlinkSync(join(ROOT, 'node_modules', name), join(modules, name))
  }
  for (const name of ['protocol', 'contract', 'client']) {
    symlinkSync(join(ROOT, 'packages', name), join(modules, '@tidings', name))
  }
  /** @param {string} folder @param {string} target @param {readonly string[]} parts */
  const copy = (folder, target, parts) => {
    mkdirSync(target)
    for (const part of parts) cpSync(join(folder, part), join(target, part), { recursive: true })
    const own = join(folder, 'node_modules')
    if (existsSync(own)) symlinkSync(own, join(target, 'node_modules'))
  }
  const server = join(modules, '@tidings', 'server')
  copy(join(ROOT, 'packages/server'), server, ['package.json', 'dist'])
  copy(join(ROOT, 'packages/cli'), join(modules, 'tidings'), ['package.json', 'dist', 'bin'])
  return { dir, cli: join(modules, 'tidings', 'bin', 'tidings.js'), server: join(server, 'dist') }
}

/**
 * Throws when the text to be replaced is not there exactly once: then the plant has to follow the source.
 * @param {string} dist
 * @param {Plant} plant
 */
const plantIn = (dist, { name, file, find, put }) => {
  const path = join(dist, file)
  const text = readFileSync(path, 'utf8')
  const count = text.split(find).length - 1
  if (count !== 1) throw new Error(`'${name}': found ${count} times in ${file}: ${find}`)
  writeFileSync(
    path,
    text.replace(find, () => put),
  )
}

/**
 * Runs episodes until the fault is caught.
 * @param {Plant} plant
 * @returns {Promise<boolean>}
 */
const isCaught = async (plant) => {
  const { dir, cli, server } = copyServer()
  try {
    plantIn(server, plant)
    for (let round = 0; round < Number(values.rounds); round += 1) {
      const seed = Number(values.seed) + round
      const program = /** @type {const} */ ([process.execPath, cli])
      const episode = await runEpisode({ seed, durationMs: EPISODE_MS, program, emphasis: plant.emphasis })
      const summary = new Summary()
      summary.add(episode)
      if (summary.violationCount === 0) continue
      const promises = [...new Set(summary.violations.map(({ promise, check }) => `${promise} (${check})`))]
      const found = promises.length > 0 ? promises.join(', ') : (summary.failures[0] ?? '').slice(0, 200)
      console.log(
        `caught    ${plant.name}: ${found}; seed ${seed}, ${summary.tally.kills} kills, ${summary.tally.cuts} cuts`,
      )
      for (const line of summary.violations[0]?.excerpt ?? []) console.log(`            ${line}`)
      return true
    }
    console.log(`NOT CAUGHT ${plant.name}: ${values.rounds} rounds`)
    return false
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

const chosen = PLANTS.filter(({ name }) => name.includes(values.only))
let missed = 0
for (const plant of chosen) if (!(await isCaught(plant))) missed += 1
console.log(`${chosen.length - missed} of ${chosen.length} planted faults caught`)
process.exitCode = missed > 0 || chosen.length === 0 ? 1 : 0
