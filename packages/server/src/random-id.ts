import { randomFillSync } from 'node:crypto'

const POOL = Buffer.allocUnsafe(8192)
let used = POOL.length

/** So many random bytes as base64url text. They come from a pool: asking the system for each costs more than the id. */
export const randomId = (bytes: number): string => {
  if (used + bytes > POOL.length) {
    randomFillSync(POOL)
    used = 0
  }
  used += bytes
  return POOL.toString('base64url', used - bytes, used)
}
