import { createHash } from 'node:crypto'
import type { PublicationData } from '@tidings/protocol'
import type { Random } from '../random.js'

const HASH_LENGTH = 12

/** Tells data apart, whichever codec carried it. */
export const hashOf = (data: unknown, key = ''): string => {
  const hash = createHash('sha256').update(data instanceof Uint8Array ? 'bytes ' : 'json ')
  hash.update(data instanceof Uint8Array ? data : JSON.stringify(data))
  return hash.update(` ${key}`).digest('base64url').slice(0, HASH_LENGTH)
}

/** Mostly small, sometimes of any size up to the limit, and now and then exactly that. */
const sizeOf = (random: Random, maxBytes: number): number => {
  if (random.chance(0.004)) return maxBytes
  if (random.chance(0.02)) return 1 + Math.floor(random.next() * maxBytes)
  return 1 + Math.floor(random.next() ** 3 * 2000)
}

/** Data of 1 byte to `maxBytes`, as JSON text or as bytes. */
export const randomData = (random: Random, maxBytes: number): PublicationData => {
  const size = sizeOf(random, maxBytes)
  const fill = Math.floor(random.next() * 256)
  if (random.chance(0.3)) return new Uint8Array(Buffer.alloc(size, fill))
  if (size < 20) return fill % 10
  if (random.chance(0.5)) return 'x'.repeat(size - 2)
  return { n: fill, text: 'é\u0000😀', pad: 'y'.repeat(Math.max(0, size - 60)) }
}
