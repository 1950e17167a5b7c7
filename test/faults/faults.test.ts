import { resolve } from 'node:path'
import { runEpisode, Summary } from '@tidings/testing/soak'
import { afterAll, describe, expect, it } from 'vitest'

const SERVER = resolve(import.meta.dirname, '../../packages/cli/bin/tidings.js')
const EPISODE_MS = 20_000
const SEEDS = [20_261_122, 7, 4_711]

describe('a server whose connections and process are broken at random', () => {
  const summary = new Summary()

  afterAll(() => {
    console.log(summary.lines().join('\n'))
  })

  it.each(SEEDS)(
    'keeps the delivery contract (seed %i)',
    async (seed) => {
      const episode = await runEpisode({ seed, durationMs: EPISODE_MS, program: [process.execPath, SERVER] })
      const own = new Summary()
      own.add(episode)
      summary.add(episode)
      expect(own.report()).toEqual([])
    },
    120_000,
  )

  it('was put to the test in every promise', () => {
    const { eligible, tally, publications, deliveries } = summary
    expect(publications).toBeGreaterThan(1000)
    expect(deliveries).toBeGreaterThan(10_000)
    expect(tally.kills).toBeGreaterThan(10)
    expect(tally.cuts).toBeGreaterThan(100)
    for (const [promise, count] of Object.entries(eligible)) expect(count, promise).toBeGreaterThan(50)
  })
})
