import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { median } from './statistics.mjs'

const TRIES = 100
const PAGE_BYTES = 4096

/** How long one write of a page takes to be on this disk, in milliseconds: a median. @param {string} dir */
export const fsyncMs = (dir) => {
  const path = join(dir, 'fsync')
  const file = openSync(path, 'w')
  const page = Buffer.alloc(PAGE_BYTES, 1)
  const times = Array.from({ length: TRIES }, (_, index) => {
    const started = performance.now()
    writeSync(file, page, 0, PAGE_BYTES, index * PAGE_BYTES)
    fdatasyncSync(file)
    return performance.now() - started
  })
  closeSync(file)
  rmSync(path)
  return median(times)
}
