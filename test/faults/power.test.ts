import { POWER_MOMENTS, runPowerEpisode, Summary } from '@tidings/testing/soak'
import { afterAll, describe, expect, it } from 'vitest'
import { DEADLINE_MS } from './deadline.js'

const FAILURES = 16
const SEEDS = [1, 20_261_124, 33]

describe('a node whose power fails at random moments', () => {
  const summary = new Summary()
  const moments = new Map<string, number>()

  afterAll(() => {
    console.log([...summary.lines(), ...[...moments].map(([how, count]) => `${how}: ${count}`)].join('\n'))
  })

  it.each(SEEDS)(
    'keeps the delivery contract (seed %i)',
    async (seed) => {
      const episode = await runPowerEpisode({ seed, failures: FAILURES, deadlineMs: DEADLINE_MS })
      for (const event of episode.history.events)
        if (event.kind === 'node-ended') moments.set(event.how, (moments.get(event.how) ?? 0) + 1)
      const own = new Summary()
      own.add(episode)
      summary.add(episode)
      expect(own.report()).toEqual([])
    },
    300_000,
  )

  it('lost its power at each kind of moment, also while it started, and everybody was checked', () => {
    const { eligible, tally, publications } = summary
    expect(tally.powerFailures).toBeGreaterThanOrEqual(SEEDS.length * FAILURES)
    expect([...moments.keys()]).toEqual(
      expect.arrayContaining(POWER_MOMENTS.map((moment) => `power failure, ${moment}`)),
    )
    expect([...moments.keys()].filter((how) => how.endsWith('of a start')).length).toBeGreaterThan(0)
    expect(publications).toBeGreaterThan(500)
    for (const promise of ['C1', 'C2', 'C3', 'C4', 'C5', 'C7'] as const) {
      expect(eligible[promise], promise).toBeGreaterThan(50)
    }
  })
})
