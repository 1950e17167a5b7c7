import { createHash, hash } from 'node:crypto'
import type { NewPublication } from './backend.js'

export const HASH_BYTES = 16

/** From here on, copying the payload behind its head costs more than hashing the two one after the other. */
const LONG_LENGTH = 2048

/** Tags in one order, so that the same tags are the same text. */
const tagText = (publication: NewPublication): string => {
  const tags = publication.tags
  if (tags === undefined) return ''
  const names = Object.keys(tags).sort()
  return JSON.stringify(names.map((name) => [name, tags[name]]))
}

/**
 * What tells apart a key and tags from others: empty when there are neither, otherwise with their lengths, so that no
 * key can pass for a tag.
 */
const trimmings = (publication: NewPublication): string => {
  if (publication.key === undefined && publication.tags === undefined) return ''
  const tags = tagText(publication)
  return `${publication.key === undefined ? '-' : publication.key.length}:${publication.key ?? ''}${tags}`
}

/**
 * 16 bytes of SHA-256 over payload kind and bytes, key and tags, one byte a character: equal for equal publications only.
 */
const payloadHash = (publication: NewPublication): string => {
  const { payload } = publication
  const extra = trimmings(publication)
  const head = `${typeof payload === 'string' ? 't' : 'b'}${extra.length}:${extra}`
  if (typeof payload === 'string' && payload.length < LONG_LENGTH) return shortHash(head + payload)
  return createHash('sha256').update(head).update(payload).digest('binary').slice(0, HASH_BYTES)
}

/** What a publish is known by: hashes, one byte a character. */
export interface PublicationKey {
  /** Of log, scope and id. */
  readonly key: string
  /** Of everything else. */
  readonly payloadHash: string
}

/** `log` stands for the channel. Lengths are hashed too, so that no two triples are the same text. */
export const publicationKey = (log: string, publication: NewPublication): PublicationKey => {
  const { scope, id } = publication
  return {
    key: shortHash(`${log.length}:${log}${scope.length}:${scope}${id}`),
    payloadHash: payloadHash(publication),
  }
}

/** 16 bytes of SHA-256, one byte a character. */
export const shortHash = (input: string | Uint8Array): string => hash('sha256', input, 'binary').slice(0, HASH_BYTES)
