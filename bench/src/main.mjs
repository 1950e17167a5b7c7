/**
 * The benchmark: `npm run bench`. See ../README.md.
 */
import { cpus, totalmem } from 'node:os'
import { relative, resolve } from 'node:path'
import { compareWithReferee } from './referee.mjs'
import { readArguments } from './run/arguments.mjs'
import { canPin } from './run/cores.mjs'
import { hasCompiler } from './run/native.mjs'
import { marksOf, remarksOf, tableOf } from './run/report.mjs'
import { readResult, writePlot, writeResult } from './run/results.mjs'
import { runScenario } from './run/rounds.mjs'
import { profileServers } from './run/served.mjs'
import { SCENARIOS } from './scenarios/index.mjs'

const everything = SCENARIOS.map((make) => make({ quick: false }))
const { quick, only, peers, rounds, add, profile, referee } = readArguments({
  scenarios: everything.map(({ name }) => name),
  peers: [...new Set(everything.flatMap(({ entrants }) => entrants.map(({ peer }) => peer.name)))].filter(
    (name) => name !== 'tidings',
  ),
})
if (!hasCompiler()) throw new Error('The load generator is written in C: the bench needs cc (gcc or clang).')

/** @param {string} line */
const say = (line) => console.log(line)

const machine = () => {
  const [cpu] = cpus()
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`
  return `${cpus().length} cores (${cpu?.model ?? 'unknown'}), ${memory}, Node ${process.versions.node}`
}

if (profile) profileServers((line) => say(`    ${line}`))

/** How many runs counted, and how many lost something or did not work at all. */
const tally = { passed: 0, failed: 0, absent: 0 }

/** @param {import('./types.js').Scenario} scenario */
const run = async (scenario) => {
  say(`\n${scenario.name}: ${scenario.title}`)
  const absence = scenario.absence?.()
  if (absence !== undefined) {
    tally.absent += 1
    say(`  absent: ${absence}`)
    return
  }
  const earlier = add ? readResult(scenario.name)?.rows : undefined
  const result = await runScenario(scenario, { rounds, quick, peers, say, earlier })
  for (const { absence: missing, samples } of result.rows) {
    if (missing !== undefined) tally.absent += 1
    tally.passed += samples.filter(({ ok }) => ok).length
    tally.failed += samples.filter(({ ok }) => !ok).length
  }
  if (quick) return
  for (const line of ['', ...tableOf(result), ...remarksOf(result), ...marksOf(result)]) say(`  ${line}`)
  if (!profile) writeResult(result, machine())
}

const runAll = async () => {
  if (quick) say('Quick: everything is made small, only whether deliveries are complete counts.')
  for (const make of SCENARIOS) {
    const scenario = make({ quick })
    if (only.includes(scenario.name)) await run(scenario)
  }
  if (!quick && !profile) {
    const path = await writePlot(everything.map(({ name }) => name))
    say(`\nFigures and plot: ${relative(process.cwd(), path)} and the JSON files beside it`)
  }
  if (tally.absent > 0) say(`\n${tally.absent} could not take part and are named above.`)
  say(`\nbench: ${tally.passed} passed, ${tally.failed} failed`)
  return tally.failed === 0
}

say(`${machine()}. ${canPin ? 'Servers on core 0, load on core 1.' : 'NOT PINNED: one core, or no taskset.'}`)
const isGood = referee === undefined ? await runAll() : await compareWithReferee(resolve(referee), rounds)
process.exitCode = isGood ? 0 : 1
