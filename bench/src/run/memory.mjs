import { readFileSync, writeFileSync } from 'node:fs'

/** Resident memory of a process in KiB: now, and the most it ever was. @param {number} pid */
export const memoryOf = (pid) => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kib = (/** @type {string} */ name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? Number.NaN)
  return { rssKib: kib('VmRSS'), peakKib: kib('VmHWM') }
}

/** Lets the kernel forget the most that a process used so far. @param {number} pid */
export const forgetPeak = (pid) => writeFileSync(`/proc/${pid}/clear_refs`, '5')
