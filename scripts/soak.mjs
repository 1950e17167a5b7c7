/**
 * Breaks a server at random for as long as it is told, and checks what publishers and subscribers saw against the delivery
 * contract: `npm run soak -- --minutes 10 [--seed 7] [--workers 2]`. `--check FILE` checks the history of a failed run again. After each
 * episode with a server process comes one in which the power of a node in this process fails.
 */
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { checkHistory, loadHistory, saveHistory } from '@tidings/testing'
import { runEpisode, runPowerEpisode, Summary } from '@tidings/testing/soak'

const SERVER = resolve(import.meta.dirname, '../packages/cli/bin/tidings.js')
const EPISODE_MS = 48_000
const MINUTE_MS = 60_000
const POWER_FAILURES = 16

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    /** The file that serves, in place of the one of this checkout. */
    server: { type: 'string', default: SERVER },
    /** How many workers it serves with. */
    workers: { type: 'string', default: '0' },
    check: { type: 'string' },
  },
})

/** @param {readonly string[]} lines */
const print = (lines) => {
  for (const line of lines) console.log(line)
}

/** @param {string} path */
const checkAgain = async (path) => {
  const { violations, violationCount } = checkHistory(await loadHistory(path))
  for (const { promise, check, summary, excerpt } of violations) {
    print([`${promise} BROKEN (${check}): ${summary}`, ...excerpt.map((line) => `    ${line}`)])
  }
  console.log(`violations: ${violationCount}`)
  return violationCount
}

/**
 * @param {Summary} summary
 * @param {import('@tidings/testing/soak').Episode} episode
 * @param {string} name
 */
const add = async (summary, episode, name) => {
  const { violationCount } = summary.add(episode)
  if (violationCount + episode.failures.length === 0) return
  const path = join(tmpdir(), `tidings-soak-${name}.jsonl`)
  await saveHistory(path, episode.history)
  console.log(`episode ${name} failed; its history is in ${path}`)
}

/**
 * Mounting the small disk needs root, of this machine or of a namespace. In one it runs again; where there is none it
 * goes on, and says what it could not try.
 * @returns {number | undefined} the exit code of the run in the namespace
 */
const inNamespace = () => {
  const isRoot = process.getuid?.() === 0
  if (isRoot || process.platform !== 'linux' || spawnSync('unshare', ['-Urm', 'true']).status !== 0) return undefined
  const again = [process.execPath, ...process.argv.slice(1)]
  return spawnSync('unshare', ['-Urm', ...again], { stdio: 'inherit' }).status ?? 1
}

const soak = async () => {
  const [minutes, seed] = [Number(values.minutes), Number(values.seed)]
  if (!(minutes > 0 && Number.isSafeInteger(seed)))
    throw new RangeError('--minutes must be positive, --seed a whole number')
  console.log(`seed: ${seed}`)
  const untilMs = performance.now() + minutes * MINUTE_MS
  const summary = new Summary()
  for (let number = 0; performance.now() < untilMs; number += 1) {
    const durationMs = Math.max(1000, Math.min(EPISODE_MS, untilMs - performance.now()))
    const program = /** @type {const} */ ([process.execPath, values.server])
    const options = { seed: seed + number, durationMs, program, workers: Number(values.workers) }
    await add(summary, await runEpisode(options), `${seed}-${number}`)
    await add(summary, await runPowerEpisode({ ...options, failures: POWER_FAILURES }), `${seed}-${number}-power`)
  }
  print(summary.report())
  for (const excerpt of summary.needless.slice(0, 3)) print(['needless gap:', ...excerpt.map((line) => `    ${line}`)])
  print(summary.lines())
  return summary.violationCount
}

process.exitCode =
  values.check === undefined
    ? (inNamespace() ?? ((await soak()) > 0 ? 1 : 0))
    : (await checkAgain(values.check)) > 0
      ? 1
      : 0
