/**
 * The benchmark: `npm run bench [-- --quick] [--only NAME] [--rounds N] [--peers a,b]`. See ../README.md.
 */
import { cpus, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { canPin } from './run/cores.mjs'
import { hasCompiler } from './run/native.mjs'
import { marksOf, remarksOf, tableOf } from './run/report.mjs'
import { runScenario } from './run/rounds.mjs'
import { SCENARIOS } from './scenarios/index.mjs'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    rounds: { type: 'string' },
    peers: { type: 'string' },
  },
})

/** @param {string} line */
const say = (line) => console.log(line)

const machine = () => {
  const [cpu] = cpus()
  return `${cpus().length} cores (${cpu?.model ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}`
}

const { quick } = values
const rounds = Number(values.rounds ?? (quick ? 1 : 3))
if (!(Number.isInteger(rounds) && rounds > 0)) throw new RangeError('--rounds must be a whole number from 1')
const all = SCENARIOS.map((make) => make({ quick }))
const unknown = (values.only ?? []).filter((name) => !all.some((scenario) => scenario.name === name))
if (unknown.length > 0) {
  throw new RangeError(`--only knows ${all.map(({ name }) => name).join(', ')}, not ${unknown.join(', ')}`)
}
if (!hasCompiler()) throw new Error('The load generator is written in C: the bench needs cc (gcc or clang).')
const chosen = all.filter(({ name }) => values.only?.includes(name) ?? true)
const peers = values.peers?.split(',')

say(`${machine()}. ${canPin ? 'Servers on core 0, load on core 1.' : 'NOT PINNED: one core, or no taskset.'}`)
const results = []
for (const scenario of chosen) {
  say(`\n${scenario.name}: ${scenario.title}`)
  const result = await runScenario(scenario, { rounds, quick, peers, say })
  results.push(result)
  if (quick) continue
  for (const line of ['', ...tableOf(result), ...remarksOf(result), ...marksOf(result)]) say(`  ${line}`)
}
