import { resolve } from 'node:path'
import { type EpisodeOptions, runEpisode, Summary } from '@tidings/testing/soak'
import { afterAll, describe, expect, it } from 'vitest'
import { DEADLINE_MS } from './deadline.js'

const SERVER = resolve(import.meta.dirname, '../../packages/cli/bin/tidings.js')
const EPISODE_MS = 20_000
/** One has its data on a disk that gets full, where this process may mount one; the others on the real one. */
const EPISODES = [
  { seed: 20_261_122, smallDisk: false, first: ['two copies', 'failing sync'] },
  { seed: 7, smallDisk: false, first: ['held sync', 'other rules'] },
  { seed: 4_711, smallDisk: true, first: ['full disk'] },
  { seed: 9, smallDisk: false, briefWindow: true, first: ['freeze beyond the window'] },
] as const
/** So many more where the machine is too slow for those to put every promise to the test. */
const MORE_EPISODES = 4
/** Set where a full disk must not be left out, as in continuous integration. */
const MUST_FILL = process.env.TIDINGS_MUST_FILL_DISK === '1'

describe('a server whose connections and process are broken at random', () => {
  const summary = new Summary()

  afterAll(() => {
    console.log(summary.lines().join('\n'))
  })

  const run = async (options: Pick<EpisodeOptions, 'seed' | 'smallDisk' | 'briefWindow' | 'first'>): Promise<void> => {
    const program = [process.execPath, SERVER] as const
    const episode = await runEpisode({ ...options, durationMs: EPISODE_MS, deadlineMs: DEADLINE_MS, program })
    const own = new Summary()
    own.add(episode)
    summary.add(episode)
    expect(own.report()).toEqual([])
  }

  /** What there was, and more than how much of it there must be. */
  const amounts = (): readonly (readonly [what: string, count: number, bound: number])[] => {
    const { eligible, tally, publications, deliveries, untried } = summary
    return [
      ['publications', publications, 1000],
      ['deliveries', deliveries, 10_000],
      ['kills', tally.kills, 5],
      ['cuts', tally.cuts, 100],
      ['failed syncs', tally.failedSyncs, 0],
      ['held syncs', tally.heldSyncs, 0],
      ['rule changes', tally.ruleChanges, 0],
      ['long freezes', tally.longFreezes, 0],
      ['two copies', tally.twins, 0],
      // It was full, or the summary says why that could not be tried.
      ...(MUST_FILL || untried.size === 0 ? [['full disks', tally.fullDisks, 0] as const] : []),
      ...Object.entries(eligible).map(([promise, count]) => [promise, count, 50] as const),
    ]
  }

  it.each(EPISODES)('keeps the delivery contract (seed $seed)', run, 300_000)

  it('was put to the test in every promise', async () => {
    const isTooLittle = (): boolean => amounts().some(([, count, bound]) => count <= bound)
    for (let seed = 1; isTooLittle() && seed <= MORE_EPISODES; seed += 1) {
      const like = EPISODES[(seed - 1) % EPISODES.length] ?? EPISODES[0]
      await run({ ...like, seed })
    }
    for (const [what, count, bound] of amounts()) expect(count, what).toBeGreaterThan(bound)
  }, 300_000)
})
