import type { Gap, Position } from '@tidings/protocol'
import type { Cursor, Page, ReadRequest, StoredPublication } from './backend.js'
import type { LossReason } from './losses.js'
import { payloadBytes } from './publication-size.js'

/** One channel's log as a read sees it: contiguous offsets, those after `floor` up to `tail` are kept. */
export interface ReadableLog {
  readonly floor: number
  readonly tail: number
  cursorAt(offset: number): Cursor
  /** undefined: this log did not make the position. */
  offsetOf(position: Position): number | undefined
  /** Offset of the first kept publication at or after a time; the tail's successor if there is none. */
  offsetAtTime(time: number): number
  /** Why the publication with this offset is gone. */
  reasonFor(offset: number): LossReason
  /** Kept publications from `first` on, by `step`. Only as many are made as the caller takes. */
  scan(first: number, step: 1 | -1): Iterable<StoredPublication>
}

/** Answers a read of a log with contiguous offsets. */
export const readPage = (log: ReadableLog, request: ReadRequest): Page =>
  request.direction === 'forward' ? readForward(log, request) : readBackward(log, request)

const epochGap = (log: ReadableLog, from: Position): Gap => ({
  from,
  to: log.cursorAt(log.tail).position,
  reason: 'epoch-changed',
  missed: null,
})

const readForward = (log: ReadableLog, request: ReadRequest): Page => {
  const { from } = request
  if (from === undefined) return forwardPage(log, request, null, log.floor)
  if (typeof from !== 'string') return forwardPage(log, request, null, log.offsetAtTime(from.time) - 1)
  const start = log.offsetOf(from)
  if (start === undefined) return forwardPage(log, request, epochGap(log, from), log.tail)
  if (start >= log.floor) return forwardPage(log, request, null, start)
  const gap: Gap = {
    from,
    to: log.cursorAt(log.floor).position,
    reason: log.reasonFor(start + 1),
    missed: log.floor - start,
  }
  return forwardPage(log, request, gap, log.floor)
}

const forwardPage = (log: ReadableLog, request: ReadRequest, gap: Gap | null, after: number): Page => {
  const publications = take(log, request, after + 1, 1)
  const last = publications.at(-1)
  const end = last === undefined ? log.cursorAt(after) : { position: last.position, offset: last.offset }
  return { gap, publications, end, more: end.offset < log.tail }
}

const readBackward = (log: ReadableLog, request: ReadRequest): Page => {
  const { from } = request
  if (from === undefined) return backwardPage(log, request, null, log.tail + 1)
  if (typeof from !== 'string') return backwardPage(log, request, null, log.offsetAtTime(from.time))
  const start = log.offsetOf(from)
  // The newest ones come with the gap: a next page from the tail's position would leave out the tail itself.
  if (start === undefined) return backwardPage(log, request, epochGap(log, from), log.tail + 1)
  if (start - 1 > log.floor || start <= 1) return backwardPage(log, request, null, start)
  const beginning = log.cursorAt(0)
  const gap: Gap = { from, to: beginning.position, reason: log.reasonFor(start - 1), missed: start - 1 }
  return { gap, publications: [], end: beginning, more: false }
}

/** Publications with offsets below `before`, the newest first. */
const backwardPage = (log: ReadableLog, request: ReadRequest, gap: Gap | null, before: number): Page => {
  const publications = take(log, request, before - 1, -1)
  const last = publications.at(-1)
  if (last !== undefined) {
    const { position, offset } = last
    return { gap, publications, end: { position, offset }, more: offset - 1 > log.floor }
  }
  return { gap, publications, end: log.cursorAt(Math.min(before, log.tail)), more: false }
}

const take = (log: ReadableLog, { limit, maxBytes }: ReadRequest, first: number, step: 1 | -1): StoredPublication[] => {
  const publications: StoredPublication[] = []
  let bytes = 0
  for (const publication of log.scan(first, step)) {
    publications.push(publication)
    bytes += payloadBytes(publication.payload)
    if (publications.length >= limit || bytes >= maxBytes) break
  }
  return publications
}
