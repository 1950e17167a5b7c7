/**
 * Changes one place of a room's sources at a time, and looks whether a unit test fails: a mutant that no test kills shows
 * what is not tested, or what makes no difference. Needs no build, and writes no source file.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { mutantsOf } from './mutants/mutants-of.mjs'
import { Host } from './mutants/requests.mjs'
import { randomFrom } from './random.mjs'

const ROOT = resolve(import.meta.dirname, '..')
const SERVER = 'packages/server/src'
const MINUTE_MS = 60_000
const PROGRESS_EACH = 25
/** A file of tests that takes longer is left out: every survivor would run it. */
const MAX_TEST_FILE_MS = 20_000

const HELP = `Usage: npm run mutants -- --room NAME [options]

  --room NAME      a folder of ${SERVER} (fanout, session, …), or the name of another package (client, protocol, …)
  --seed NUMBER    the sample of another run; default: a new one, which is printed
  --sample NUMBER  how many mutants are tried (200)
  --minutes NUMBER how long to go on at most (120)
  --file TEXT      only files whose path contains it
  --help           this
`

/** @param {string} message @returns {never} */
const cannotBegin = (message) => {
  console.error(message)
  process.exit(2)
}

const readOptions = () => {
  try {
    return parseArgs({
      options: {
        room: { type: 'string' },
        seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
        sample: { type: 'string', default: '200' },
        minutes: { type: 'string', default: '120' },
        file: { type: 'string', default: '' },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    return cannotBegin(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`)
  }
}

const { room = '', file: part, help, ...numbers } = readOptions()
if (help) {
  console.log(HELP)
  process.exit(0)
}
const seed = Number(numbers.seed)
const sample = Number(numbers.sample)
const minutes = Number(numbers.minutes)
if (!(Number.isInteger(seed) && Number.isInteger(sample) && sample > 0 && minutes > 0)) {
  cannotBegin('--seed and --sample are whole numbers, and --minutes is a number above 0')
}

/** The sources of a room, and the package whose tests are run. */
const foldersOf = () => {
  /** @param {string} folder */
  const isThere = (folder) => {
    const [, name = ''] = /([^/]+)$/.exec(room) ?? []
    return name === room && name !== '' && readdirSync(join(ROOT, folder)).includes(room)
  }
  if (isThere(SERVER)) return { folder: `${SERVER}/${room}`, tests: SERVER }
  if (isThere('packages')) return { folder: `packages/${room}/src`, tests: `packages/${room}` }
  return cannotBegin(`there is no room ${JSON.stringify(room)}\n\n${HELP}`)
}

const { folder, tests } = foldersOf()
const sources = readdirSync(join(ROOT, folder), { recursive: true })
  .map((name) => `${folder}/${String(name)}`)
  .filter((path) => /\.tsx?$/.test(path) && !/\.(test|fixture)\.tsx?$/.test(path) && path.includes(part))

const random = randomFrom(seed)
/** @template Item @param {readonly Item[]} items */
const shuffled = (items) =>
  items
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)

const every = sources.flatMap((file) => {
  const text = readFileSync(join(ROOT, file), 'utf8')
  return mutantsOf(file, text).map((mutant) => ({ file, mutant, text: text.slice(mutant.start, mutant.end) }))
})
const chosen = shuffled(every).slice(0, sample)
console.log(`${room}, seed ${seed}: ${chosen.length} of ${every.length} mutants`)

const host = new Host()
process.on('exit', () => host.stop())
const count = { killed: 0, stuck: 0, survived: 0 }

/** Also for a run that is interrupted. */
const report = () => {
  const tries = count.killed + count.stuck + count.survived
  const share = ((100 * (count.killed + count.stuck)) / Math.max(1, tries)).toFixed(1)
  const untried = tries < chosen.length ? `, ${chosen.length - tries} were not tried` : ''
  console.log(
    `${room}, seed ${seed}: ${share} % of ${tries} mutants killed (${count.stuck} of them never ended), ${count.survived} survived${untried}`,
  )
}
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    report()
    process.exit(130)
  })
}

const traced = await host.trace({ kind: 'trace', sources, tests: [tests] })
if (traced.failed.length > 0) cannotBegin(`these fail without any mutant: ${traced.failed.join(', ')}`)

const usable = traced.tests.filter(({ ms }) => ms <= MAX_TEST_FILE_MS)
for (const { test } of traced.tests.filter((one) => !usable.includes(one))) console.log(`left out, too slow: ${test}`)
const durationOf = new Map(usable.map(({ test, ms }) => [test, ms]))
// A test that was quick may wait for something that a mutant prevents.
const testTimeoutMs = 10_000 + 5 * Math.max(...usable.map(({ longestMs }) => longestMs))

/** The tests that run the place, those of the room first, and quick ones before slow ones. @param {string} file @param {string} place */
const testsOf = (file, place) =>
  traced.hits
    .filter(({ test, places }) => durationOf.has(test) && places.includes(`${file}#${place}`))
    .map(({ test }) => ({ test, cost: (durationOf.get(test) ?? 0) + (test.includes(`/${folder}/`) ? 0 : 1e9) }))
    .sort((a, b) => a.cost - b.cost)
    .map(({ test }) => test)

/** @param {string} file @param {import('./mutants/mutants-of.mjs').Mutant} mutant @param {readonly string[]} tests */
const tryOne = (file, mutant, tests) => {
  const usualMs = tests.reduce((sum, test) => sum + (durationOf.get(test) ?? 0), 0)
  return host.try({ kind: 'try', file, mutant, tests, testTimeoutMs }, MINUTE_MS + 2 * usualMs)
}

const [first] = chosen
if (first !== undefined) {
  const { file, mutant } = first
  const unchanged = await tryOne(file, { ...mutant, replacement: first.text }, testsOf(file, mutant.place).slice(0, 5))
  if (unchanged?.isKilled !== false) cannotBegin('tests fail here although nothing is changed')
}

const endsAt = performance.now() + minutes * MINUTE_MS
/** @param {{ readonly file: string, readonly mutant: import('./mutants/mutants-of.mjs').Mutant, readonly text: string }} one @param {string} why */
const tell = ({ file, mutant, text }, why) =>
  console.log(`${why}: ${file}:${mutant.line}  ${text.replace(/\s+/g, ' ')}  →  ${mutant.replacement}`)

for (const [index, one] of chosen.entries()) {
  if (performance.now() > endsAt) break
  if (index > 0 && index % PROGRESS_EACH === 0) console.log(`… ${index} tried, ${count.survived} survived`)
  const { file, mutant } = one
  const running = testsOf(file, mutant.place)
  if (running.length === 0) {
    count.survived += 1
    tell(one, 'no test runs')
    continue
  }
  const tried = await tryOne(file, mutant, running)
  if (tried === undefined) {
    count.stuck += 1
    tell(one, 'never ended')
  } else if (tried.isKilled) count.killed += 1
  else {
    count.survived += 1
    tell(one, 'survived')
  }
}
host.stop()
report()
