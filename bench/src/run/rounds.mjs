/**
 * Runs a scenario: every entrant in turn, round after round, so that what the machine does meanwhile meets all alike.
 */
import { medians } from './statistics.mjs'

/** @typedef {import('../types.js').Row} Row */

/**
 * @param {import('../types.js').Scenario} scenario
 * @param {object} how
 * @param {number} how.rounds
 * @param {boolean} how.quick
 * @param {readonly string[]} how.peers names of peers that take part besides Tidings
 * @param {(line: string) => void} how.say
 * @param {readonly { readonly name: string, readonly samples: readonly import('../types.js').Sample[] }[]} [how.earlier]
 * @returns {Promise<import('../types.js').Result>}
 */
export const runScenario = async (scenario, { rounds, quick, peers, say, earlier = [] }) => {
  const entrants = scenario.entrants.filter(
    ({ peer, slow }) => !(quick && slow === true) && (peer.name === 'tidings' || peers.includes(peer.name)),
  )
  /** @type {Map<string, import('../types.js').Sample[]>} */
  const samples = new Map(earlier.map(({ name, samples: taken }) => [name, [...taken]]))
  /** @type {Map<string, string>} */
  const absences = new Map()
  for (const { name, peer } of entrants) {
    const absence = await peer.absence({ quick })
    if (absence !== undefined) absences.set(name, absence)
  }
  for (let round = 1; round <= rounds; round += 1) {
    for (const { name, title, peer, run } of entrants) {
      if (absences.has(name)) continue
      const sample = await run(peer)
      samples.set(name, [...(samples.get(name) ?? []), sample])
      say(`  ${quick ? '' : `round ${round}, `}${title}: ${quick && sample.ok ? 'complete' : brief(scenario, sample)}`)
    }
  }
  for (const [name, absence] of absences) say(`  absent: ${name}: ${absence}`)
  const shown = scenario.entrants.filter((entrant) => entrants.includes(entrant) || samples.has(entrant.name))
  const rows = shown.map((entrant) => rowOf(entrant, samples.get(entrant.name) ?? [], absences.get(entrant.name)))
  return { scenario, rows }
}

/** @param {import('../types.js').Scenario} scenario @param {import('../types.js').Sample} sample */
const brief = ({ columns }, sample) => {
  if (!sample.ok) return `no figure: ${sample.reason}`
  const [first] = columns
  if (first === undefined) return ''
  return `${(sample.figures[first.figure] ?? Number.NaN).toFixed(first.digits)} ${first.title}`
}

/**
 * @param {import('../types.js').Entrant} entrant
 * @param {readonly import('../types.js').Sample[]} samples
 * @param {string | undefined} absence
 * @returns {Row}
 */
const rowOf = (entrant, samples, absence) => {
  const good = samples.flatMap((sample) => (sample.ok ? [sample.figures] : []))
  return { entrant, samples, absence, medians: good.length === 0 ? undefined : medians(good) }
}
