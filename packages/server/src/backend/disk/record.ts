import type { Position, Tags } from '@tidings/protocol'
import type { NewPublication, StoredPublication } from '../backend.js'
import { payloadBytes } from '../publication-size.js'

/**
 * One publication as a value of the table `log`. Whole numbers are little-endian.
 *
 *   0  flags: 1 the payload is bytes, 2 there is a publisher, 4 a key, 8 tags, 16 a session for which it is muted
 *   1  time, 6 bytes
 *   7  bytes of this and all earlier publications of the channel (as `history.maxBytes` counts), 6 bytes
 *  13  lengths of publisher, id, key and tags, 4 bytes each
 *  29  publisher, id, key, tags (JSON), then the payload to the end; all text is UTF-8. With the flag 16 the id is followed
 *      by a zero and the session.
 */
const BYTES_PAYLOAD = 1
const HAS_PUBLISHER = 2
const HAS_KEY = 4
const HAS_TAGS = 8
const IS_MUTED = 16
const LENGTHS_AT = 13
const HEADER_BYTES = 29

/** What retention needs to know of a publication. */
export interface RecordInfo {
  readonly time: number
  /** Bytes of this and all earlier publications of the channel. */
  readonly totalBytes: number
}

/** Without its RecordInfo, which is known later. */
export const encodeRecord = (publication: NewPublication): Buffer => {
  const { payload, publisher, id, key, tags, mutedFor } = publication
  const idText = mutedFor === undefined ? id : `${id}\0${mutedFor}`
  const texts = [publisher ?? '', idText, key ?? '', tags === undefined ? '' : JSON.stringify(tags)]
  let length = HEADER_BYTES + payloadBytes(payload)
  for (const text of texts) length += Buffer.byteLength(text)
  const record = Buffer.allocUnsafe(length)
  record[0] =
    (typeof payload === 'string' ? 0 : BYTES_PAYLOAD) |
    (publisher === null ? 0 : HAS_PUBLISHER) |
    (key === undefined ? 0 : HAS_KEY) |
    (tags === undefined ? 0 : HAS_TAGS) |
    (mutedFor === undefined ? 0 : IS_MUTED)
  let at = HEADER_BYTES
  let lengthAt = LENGTHS_AT
  for (const text of texts) {
    const written = text === '' ? 0 : record.write(text, at)
    lengthAt = record.writeUInt32LE(written, lengthAt)
    at += written
  }
  if (typeof payload === 'string') record.write(payload, at)
  else record.set(payload, at)
  return record
}

export const setInfo = (record: Buffer, { time, totalBytes }: RecordInfo): void => {
  record.writeUIntLE(time, 1, 6)
  record.writeUIntLE(totalBytes, 7, 6)
}

export const decodeInfo = (record: Buffer): RecordInfo => ({
  time: record.readUIntLE(1, 6),
  totalBytes: record.readUIntLE(7, 6),
})

/**
 * The publication of a record, with its place. Reading a page is mostly this, so it makes nothing that is not kept. Throws
 * RangeError if the record is cut short.
 */
export const decodeRecord = (record: Buffer, offset: number, position: Position): StoredPublication => {
  const flags = record.readUInt8(0)
  const publisherEnd = HEADER_BYTES + record.readUInt32LE(LENGTHS_AT)
  const idEnd = publisherEnd + record.readUInt32LE(LENGTHS_AT + 4)
  const keyEnd = idEnd + record.readUInt32LE(LENGTHS_AT + 8)
  const tagsEnd = keyEnd + record.readUInt32LE(LENGTHS_AT + 12)
  // A store may lend a larger buffer than the record: its `length` is right, and nothing else.
  const { length } = record
  if (tagsEnd > length) throw new RangeError('a stored publication is cut short')
  const time = record.readUIntLE(1, 6)
  const isText = (flags & BYTES_PAYLOAD) === 0
  const payload = isText ? record.toString('utf8', tagsEnd, length) : new Uint8Array(record.subarray(tagsEnd, length))
  const publisher = (flags & HAS_PUBLISHER) === 0 ? null : record.toString('utf8', HEADER_BYTES, publisherEnd)
  const id = record.toString('utf8', publisherEnd, idEnd)
  if (flags < HAS_KEY) return { offset, position, time, payload, publisher, id }
  const session = (flags & IS_MUTED) === 0 ? -1 : id.lastIndexOf('\0')
  return {
    ...{ offset, position, time, payload, publisher },
    id: session === -1 ? id : id.slice(0, session),
    ...((flags & HAS_KEY) !== 0 && { key: record.toString('utf8', idEnd, keyEnd) }),
    ...((flags & HAS_TAGS) !== 0 && { tags: JSON.parse(record.toString('utf8', keyEnd, tagsEnd)) as Tags }),
    ...(session !== -1 && { mutedFor: id.slice(session + 1) }),
  }
}
