/** What was done, to be told at the end. */
export interface Tally {
  kills: number
  /** Connections that were ended from between: cut, reset, or in mid-frame. */
  cuts: number
  halfOpens: number
  freezes: number
  /** Times that the server stood still for longer than publication ids are remembered, or a sync may take. */
  longFreezes: number
  /** Of one worker, while the server goes on. */
  workerKills: number
  workerFreezes: number
  wipes: number
  restores: number
  clockJumps: number
  /** Starts with other rules than the run before had. */
  ruleChanges: number
  /** Publications that were sent again in time and held up until they were too old. */
  heldFrames: number
  fullDisks: number
  failedSyncs: number
  /** Syncs that took long. */
  heldSyncs: number
  /** Times that two copies of a data directory ran at once. */
  twins: number
  powerFailures: number
}

export const newTally = (): Tally => ({
  kills: 0,
  cuts: 0,
  halfOpens: 0,
  freezes: 0,
  longFreezes: 0,
  workerKills: 0,
  workerFreezes: 0,
  wipes: 0,
  restores: 0,
  clockJumps: 0,
  ruleChanges: 0,
  heldFrames: 0,
  fullDisks: 0,
  failedSyncs: 0,
  heldSyncs: 0,
  twins: 0,
  powerFailures: 0,
})

export const addTally = (sum: Tally, other: Tally): void => {
  for (const key of Object.keys(sum) as (keyof Tally)[]) sum[key] += other[key]
}
