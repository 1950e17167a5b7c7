import { resolve } from 'node:path'
import { runEpisode, Summary } from '@tidings/testing/soak'
import { afterAll, describe, expect, it } from 'vitest'

const SERVER = resolve(import.meta.dirname, '../../packages/cli/bin/tidings.js')
const EPISODE_MS = 20_000
/** Far beyond what anybody needs on a machine that is busy with other tests. */
const DEADLINE_MS = 30_000
/** One has its data on a disk that gets full, where this process may mount one; the others on the real one. */
const EPISODES = [
  { seed: 20_261_122, smallDisk: false, first: ['kill', 'two copies', 'failing sync'] },
  { seed: 7, smallDisk: false, first: ['held sync'] },
  { seed: 4_711, smallDisk: true, first: ['full disk'] },
] as const
/** Set where a full disk must not be left out, as in continuous integration. */
const MUST_FILL = process.env.TIDINGS_MUST_FILL_DISK === '1'

describe('a server whose connections and process are broken at random', () => {
  const summary = new Summary()

  afterAll(() => {
    console.log(summary.lines().join('\n'))
  })

  it.each(EPISODES)(
    'keeps the delivery contract (seed $seed)',
    async (options) => {
      const program = [process.execPath, SERVER] as const
      const episode = await runEpisode({ ...options, durationMs: EPISODE_MS, deadlineMs: DEADLINE_MS, program })
      const own = new Summary()
      own.add(episode)
      summary.add(episode)
      expect(own.report()).toEqual([])
    },
    300_000,
  )

  it('was put to the test in every promise', () => {
    const { eligible, tally, untried } = summary
    // How much of each comes in so much time is the machine's matter; `npm run soak` is for much.
    expect(tally.kills).toBeGreaterThan(0)
    expect(tally.cuts).toBeGreaterThan(0)
    expect(tally.failedSyncs).toBeGreaterThan(0)
    expect(tally.heldSyncs).toBeGreaterThan(0)
    expect(tally.twins).toBeGreaterThan(0)
    // It was full, or the summary says why that could not be tried.
    if (MUST_FILL || untried.size === 0) expect(tally.fullDisks).toBeGreaterThan(0)
    for (const [promise, count] of Object.entries(eligible)) expect(count, promise).toBeGreaterThan(0)
  })
})
