import type { GapReason } from '@tidings/protocol'
import { checkHistory } from '../checker/check-history.js'
import { PROMISES, type Verdict, type Violation } from '../checker/findings.js'
import { addTally, newTally, type Tally } from '../nemesis/tally.js'
import type { Episode } from './episode.js'

/** What came of several episodes. */
export class Summary {
  readonly tally: Tally = newTally()
  readonly violations: Violation[] = []
  readonly failures: string[] = []
  readonly needless: (readonly string[])[] = []
  /** Faults that could not be tried here, and why. */
  readonly untried = new Set<string>()
  readonly eligible = { C1: 0, C2: 0, C3: 0, C4: 0, C5: 0, C6: 0, C7: 0 }
  readonly gaps: Partial<Record<GapReason, number>> = {}
  publications = 0
  deliveries = 0
  needlessGaps = 0
  unknownOutcomes = 0
  violationCount = 0

  /** Checks an episode and adds it. Returns what its check came to. */
  add(episode: Episode): Verdict {
    const verdict = checkHistory(episode.history)
    addTally(this.tally, episode.tally)
    this.violations.push(...verdict.violations)
    this.failures.push(...episode.failures)
    for (const fault of episode.untried) this.untried.add(fault)
    this.needless.push(...verdict.needlessExcerpts)
    for (const promise of PROMISES) this.eligible[promise] += verdict.eligible[promise]
    for (const [reason, count] of Object.entries(verdict.gaps) as [GapReason, number][]) {
      this.gaps[reason] = (this.gaps[reason] ?? 0) + count
    }
    this.publications += verdict.publications
    this.deliveries += verdict.deliveries
    this.needlessGaps += verdict.needlessGaps
    this.unknownOutcomes += verdict.unknownOutcomes
    this.violationCount += verdict.violationCount + episode.failures.length
    return verdict
  }

  /** One figure a line. */
  lines(): readonly string[] {
    const { kills, cuts, halfOpens, freezes, wipes, restores, twins, clockJumps } = this.tally
    const { workerKills, workerFreezes, longFreezes, ruleChanges, heldFrames } = this.tally
    const { fullDisks, failedSyncs, heldSyncs, powerFailures } = this.tally
    const onDisk = { 'full disks': fullDisks, 'failed syncs': failedSyncs, 'held syncs': heldSyncs }
    const pairs = (counts: object): string =>
      Object.entries(counts)
        .map(([name, count]) => `${name} ${String(count)}`)
        .join(', ')
    return [
      `publications: ${this.publications}`,
      `deliveries: ${this.deliveries}`,
      `eligible checks: ${pairs(this.eligible)}`,
      `kills: ${kills}`,
      `cuts: ${cuts}`,
      `disk faults: ${pairs({ ...onDisk, 'power failures': powerFailures, wipes, restores, 'two copies at once': twins })}`,
      ...(workerKills + workerFreezes > 0 ? [`workers: ${pairs({ killed: workerKills, frozen: workerFreezes })}`] : []),
      `other faults: ${pairs({ 'half-open': halfOpens, freezes, 'clock jumps': clockJumps, 'rule changes': ruleChanges })}`,
      `beyond the windows: ${pairs({ 'long freezes': longFreezes, 'held frames': heldFrames })}`,
      ...[...this.untried].map((fault) => `not tried here: ${fault}`),
      `gaps: ${pairs(this.gaps)}`,
      `needless gaps: ${this.needlessGaps}`,
      `unknown outcomes: ${this.unknownOutcomes}`,
      `violations: ${this.violationCount}`,
    ]
  }

  /** What was broken, for a person to read; empty if nothing was. */
  report(): readonly string[] {
    return [
      ...this.failures.map((failure) => `FAILED ${failure}`),
      ...this.violations.flatMap(({ promise, check, summary, excerpt }) => [
        `${promise} BROKEN (${check}): ${summary}`,
        ...excerpt.map((line) => `    ${line}`),
      ]),
    ]
  }
}
