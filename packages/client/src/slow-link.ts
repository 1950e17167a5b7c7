import type { AnnouncedLimits } from '@tidings/protocol'

/** The slowest link that a connection is kept up on. */
const BYTES_PER_MS = 5
/** More than ids, tags and names of one publication take. */
const ENVELOPE_BYTES = 8192

/**
 * How long the largest publication that the server takes is under way on a slow link. A browser hands out whole messages
 * only, so nothing can be heard meanwhile. Bytes are longer by a third in JSON.
 */
export const largestMessageMs = ({ maxPayloadBytes }: AnnouncedLimits): number =>
  ((maxPayloadBytes * 4) / 3 + ENVELOPE_BYTES) / BYTES_PER_MS
