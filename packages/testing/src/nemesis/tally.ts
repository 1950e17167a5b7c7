/** What was done, to be told at the end. */
export interface Tally {
  kills: number
  /** Connections that were ended from between: cut, reset, or in mid-frame. */
  cuts: number
  halfOpens: number
  freezes: number
  wipes: number
  restores: number
  clockJumps: number
}

export const newTally = (): Tally => ({
  kills: 0,
  cuts: 0,
  halfOpens: 0,
  freezes: 0,
  wipes: 0,
  restores: 0,
  clockJumps: 0,
})

export const addTally = (sum: Tally, other: Tally): void => {
  for (const key of Object.keys(sum) as (keyof Tally)[]) sum[key] += other[key]
}
