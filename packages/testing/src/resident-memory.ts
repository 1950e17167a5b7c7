import { readFileSync } from 'node:fs'

const PAGE_BYTES = 4096

/** Resident memory of a process in bytes; undefined where it cannot be told: it has ended, or this is not Linux. */
export const residentBytes = (pid: number | undefined): number | undefined => {
  if (pid === undefined || process.platform !== 'linux') return undefined
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES
  } catch {
    return undefined
  }
}
