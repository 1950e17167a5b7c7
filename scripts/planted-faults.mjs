/**
 * Proves that the fault harness can fail: plants one fault at a time in a copy of the built server, outside this checkout,
 * and shows that the harness catches it. `--only PART` runs those whose name contains PART; `--rounds 4` bounds the tries;
 * `--check` only looks whether each can still be planted.
 */
import { execFileSync } from 'node:child_process'
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
import { runAttacks, startAttackedNode } from '@tidings/testing'
import { runEpisode, Summary } from '@tidings/testing/soak'

const ROOT = resolve(import.meta.dirname, '..')
const EPISODE_MS = 15_000
const POWER_FAILURES = 12

/**
 * @typedef {object} Plant
 * @property {string} name
 * @property {string} file in the server's `dist`
 * @property {string} find exactly once in the file
 * @property {string} put in its place
 * @property {readonly string[]} [emphasis] faults that bring it out
 * @property {RegExp} [failure] what the harness says beside the contract when it catches it; else only a violation counts
 * @property {readonly string[]} [first] faults that come before any other
 * @property {boolean} [briefWindow] whether publication ids are remembered for seconds only
 * @property {boolean} [smallDisk] whether the data has to be on a disk that gets full
 * @property {boolean} [power] power failures bring it out, which no fault of a process does
 * @property {string} [attack] the attack that must come through then; nothing else is tried
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
    emphasis: ['copy', 'restore', 'wipe', 'two copies'],
  },
  {
    name: 'ignore where an incarnation ended',
    file: 'backend/disk/disk-channel.js',
    find: 'last !== undefined && parsed.offset <= last',
    put: 'last !== undefined',
    emphasis: ['snapshot', 'restore'],
  },
  {
    name: 'acknowledge before the flush',
    file: 'backend/disk/writer.js',
    find: 'await this.#store.flushed();',
    put: '{ const late = this.#store.flushed(); for (const job of accepted) job.resolve(); await late; }',
    power: true,
  },
  {
    name: 'deliver before the flush',
    file: 'backend/disk/writer.js',
    find: 'await this.#store.flushed();',
    put: '{ const late = this.#store.flushed(); for (const job of accepted) job.tell?.(); await late; }',
    power: true,
  },
  {
    name: 'read past the watermark',
    file: 'backend/disk/disk-channel.js',
    find: 'get tail() {\n        return this.#durable.tail;',
    put:
      'get tail() {\n        const { tail } = this.#inFlight ?? this.#durable;\n' +
      "        return this.#store.get('log', this.#keys.key(tail)) === undefined ? this.#durable.tail : tail;",
    power: true,
  },
  {
    name: 'mark what others published as one’s own',
    file: 'fanout/encode.js',
    find: '(session, { mutedFor }) => mutedFor !== undefined && mutedFor === session',
    put: '(session) => session !== undefined',
  },
  {
    name: 'echo what was not to be echoed',
    file: 'fanout/encode.js',
    find: '(session, { mutedFor }) => mutedFor !== undefined && mutedFor === session',
    put: '() => false',
  },
  {
    name: 'go on after a failed sync',
    file: 'backend/disk/writer.js',
    find: 'await this.#store.flushed();',
    put: 'await this.#store.flushed().catch(() => undefined);',
    emphasis: ['failing sync'],
    failure: /acknowledged after its sync failed/,
  },
  {
    name: 'take a full disk for a broken one',
    file: 'backend/disk/writer.js',
    find: "error instanceof StoreError && error.kind === 'full'",
    put: 'false',
    emphasis: ['full disk'],
    failure: /ended by itself with 70|full disk: (the socket closed|closed with 4004)/,
    smallDisk: true,
  },
  {
    name: 'stay full when there is room again',
    file: 'backend/disk/disk-log.js',
    find: 'this.#touched.clear();\n        this.#roomBytes = null;',
    put: 'this.#touched.clear(); if ((this.#roomBytes?.disk ?? 1e9) > 1e6) this.#roomBytes = null;',
    emphasis: ['full disk'],
    failure: /still refused with room on the disk again/,
    smallDisk: true,
  },
  {
    name: 'start every log in memory with the same epoch',
    file: 'backend/memory/channel-log.js',
    find: 'randomId(EPOCH_BYTES)',
    put: "'the-same'",
    emphasis: ['kill'],
  },
  {
    name: 'take other data under the same id',
    file: 'backend/memory/memory-log.js',
    find: 'first.payloadHash === key.payloadHash',
    put: 'first.payloadHash !== undefined',
    emphasis: [],
  },
  {
    name: 'hand all requests of a connection to the parser at once',
    file: 'tidings.js',
    find: 'pace(server);',
    put: '',
    attack: 'pipelined-requests',
  },
  {
    name: 'do not count the requests of an address',
    file: 'http/pace-requests.js',
    find: 'rates.take(addressGroup(address))',
    put: 'rates !== undefined',
    attack: 'pipelined-requests',
  },
  {
    name: 'handle frames however old they may be',
    file: 'session/freshness.js',
    find: 'if (now - before > this.#rules.maxAgeMs)',
    put: 'if (false)',
    briefWindow: true,
    first: ['freeze beyond the window', 'freeze beyond the window'],
  },
  {
    name: 'forget that a channel came back to the disk',
    file: 'backend/disk/disk-log.js',
    find: 'return this.#channelOf(name).hasLeft;',
    put: 'return false;',
    first: Array.from({ length: 6 }, () => 'other rules'),
  },
  {
    name: 'count a stop of the process against the flush',
    file: 'backend/disk/writer.js',
    find: 'timer = setRunningTimeout(() => reject(late), this.#flushDeadlineMs);',
    put:
      'const own = setTimeout(() => reject(late), this.#flushDeadlineMs);' +
      ' timer = { clear: () => clearTimeout(own) };',
    first: ['freeze beyond the flush', 'freeze beyond the flush'],
    failure: /ended by itself with 70/,
  },
]

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '4' },
    seed: { type: 'string', default: '1' },
    check: { type: 'boolean', default: false },
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
  // For the power failures: the harness that runs the server in its own process has to find this server.
  copy(join(ROOT, 'packages/testing'), join(modules, '@tidings', 'testing'), ['package.json', 'dist'])
  copy(join(ROOT, 'packages/cli'), join(modules, 'tidings'), ['package.json', 'dist', 'bin'])
  return { dir, cli: join(modules, 'tidings', 'bin', 'tidings.js'), server: join(server, 'dist') }
}

/**
 * The file with the fault in it. Throws when the text to be replaced is not there exactly once: then the plant has to
 * follow the source.
 * @param {string} dist
 * @param {Plant} plant
 */
const planted = (dist, { name, file, find, put }) => {
  const text = readFileSync(join(dist, file), 'utf8')
  const count = text.split(find).length - 1
  if (count !== 1) throw new Error(`'${name}': found ${count} times in ${file}: ${find}`)
  return text.replace(find, () => put)
}

/** Runs with the server that it finds beside itself, and prints what came of it. */
const POWER_PROGRAM = `
import { runPowerEpisode, Summary } from '@tidings/testing/soak'
const [seed, failures] = process.argv.slice(2).map(Number)
const summary = new Summary()
summary.add(await runPowerEpisode({ seed, failures }))
const { violations, failures: failed, untried, tally } = summary
process.stdout.write(JSON.stringify({ violations, failures: failed, untried: [...untried], tally }))
`

/**
 * @typedef {object} Outcome
 * @property {readonly import('@tidings/testing').Violation[]} violations
 * @property {readonly string[]} failures
 * @property {Iterable<string>} untried
 * @property {{ kills: number, cuts: number, powerFailures: number }} tally
 */

/**
 * @param {string} attack
 * @param {number} seed
 * @param {string} cli
 * @returns {Promise<Outcome>}
 */
const runAttack = async (attack, seed, cli) => {
  const node = await startAttackedNode({ program: [process.execPath, cli], profile: 'tokens' })
  try {
    const { rows } = await runAttacks({ ...node.target, only: [attack], scale: 'small', seed })
    const failures = rows.flatMap(({ outcome, why }) =>
      outcome === 'failed' ? why.map((line) => `${attack} came through: ${line}`) : [],
    )
    return { violations: [], failures, untried: [], tally: { kills: 0, cuts: 0, powerFailures: 0 } }
  } finally {
    await node.stop()
  }
}

/**
 * @param {Plant} plant
 * @param {number} seed
 * @param {{ readonly dir: string, readonly cli: string }} copy
 * @returns {Promise<Outcome>}
 */
const runOnce = async (plant, seed, { dir, cli }) => {
  const { power = false, smallDisk = false, briefWindow = false, emphasis = [], first = [], attack } = plant
  if (attack !== undefined) return runAttack(attack, seed, cli)
  if (power) {
    const file = join(dir, 'power.mjs')
    writeFileSync(file, POWER_PROGRAM)
    const told = execFileSync(process.execPath, [file, String(seed), String(POWER_FAILURES)], { encoding: 'utf8' })
    /** @type {unknown} */
    const outcome = JSON.parse(told)
    return /** @type {Outcome} */ (outcome)
  }
  const program = /** @type {const} */ ([process.execPath, cli])
  const summary = new Summary()
  summary.add(await runEpisode({ seed, durationMs: EPISODE_MS, program, emphasis, first, smallDisk, briefWindow }))
  return summary
}

/**
 * Runs episodes until the fault is caught.
 * @param {Plant} plant
 * @returns {Promise<boolean>}
 */
const isCaught = async (plant) => {
  const copy = copyServer()
  try {
    writeFileSync(join(copy.server, plant.file), planted(copy.server, plant))
    for (let round = 0; round < Number(values.rounds); round += 1) {
      const seed = Number(values.seed) + round
      const { violations, failures, untried, tally } = await runOnce(plant, seed, copy)
      for (const fault of untried) console.log(`not tried here: ${fault}`)
      const promises = [...new Set(violations.map(({ promise, check }) => `${promise} (${check})`))]
      const sought = plant.attack === undefined ? plant.failure : /came through: .*/
      const failed = failures.flatMap((failure) => sought?.exec(failure)?.[0] ?? [])
      const found = [...promises, ...new Set(failed)].join(', ')
      if (found === '') {
        for (const failure of failures) console.log(`            ${plant.name}, not what is sought: ${failure}`)
        continue
      }
      const { kills, cuts, powerFailures } = tally
      const faults = plant.power === true ? `${powerFailures} power failures` : `${kills} kills, ${cuts} cuts`
      console.log(`caught    ${plant.name}: ${found}; seed ${seed}, ${faults}`)
      for (const line of violations[0]?.excerpt ?? []) console.log(`            ${line}`)
      return true
    }
    console.log(`NOT CAUGHT ${plant.name}: ${values.rounds} rounds`)
    return false
  } finally {
    rmSync(copy.dir, { recursive: true, force: true })
  }
}

const chosen = PLANTS.filter(({ name }) => name.includes(values.only))
// All of them before any is tried, which takes minutes.
for (const plant of PLANTS) planted(join(ROOT, 'packages/server/dist'), plant)
if (values.check) {
  console.log(`${PLANTS.length} faults can be planted`)
} else {
  let missed = 0
  for (const plant of chosen) if (!(await isCaught(plant))) missed += 1
  console.log(`${chosen.length - missed} of ${chosen.length} planted faults caught`)
  process.exitCode = missed > 0 || chosen.length === 0 ? 1 : 0
}
