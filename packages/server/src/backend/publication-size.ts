import type { NewPublication, Payload } from './backend.js'

export const payloadBytes = (payload: Payload): number =>
  typeof payload === 'string' ? Buffer.byteLength(payload) : payload.byteLength

/** Bytes of data, key and tags: what a channel's `history.maxBytes` counts. */
export const publicationBytes = (publication: Pick<NewPublication, 'payload' | 'key' | 'tags'>): number => {
  let bytes = payloadBytes(publication.payload)
  if (publication.key !== undefined) bytes += Buffer.byteLength(publication.key)
  for (const name in publication.tags) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(publication.tags[name] ?? '')
  }
  return bytes
}
