import type { Gap, Position } from '@tidings/protocol'
import type { Cursor, Page, ReadRequest, StoredPublication } from './backend.js'
import type { LossReason } from './losses.js'
import { payloadBytes } from './publication-size.js'

/** One channel's log as a read sees it: contiguous offsets, those after `floor` up to `tail` are kept. */
export interface ReadableLog {
  readonly floor: number
  readonly tail: number
  /** No publication that is gone is newer than this time; before 1970 if none is gone. */
  readonly goneTime: number
  cursorAt(offset: number): Cursor
  /** undefined: this log did not make the position. */
  offsetOf(position: Position): number | undefined
  /** Offset of the first kept publication at or after a time; the tail's successor if there is none. */
  offsetAtTime(time: number): number
  /** Why the publication with this offset is gone. */
  reasonFor(offset: number): LossReason
  /** How many publications were stored after one offset up to another, or null if that is not known. */
  countBetween(after: number, through: number): number | null
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

/** For a read from a time: some of what is gone, or perhaps all, was published then or later. */
const goneGap = (log: ReadableLog, missed: number | null): Gap => ({
  from: log.cursorAt(0).position,
  to: log.cursorAt(log.floor).position,
  reason: log.floor === 0 ? 'epoch-changed' : log.reasonFor(log.floor),
  missed,
})

const readForward = (log: ReadableLog, request: ReadRequest): Page => {
  const { from } = request
  if (from === undefined) return forwardPage(log, request, null, log.floor)
  if (typeof from !== 'string') {
    const start = log.offsetAtTime(from.time) - 1
    return forwardPage(log, request, log.goneTime >= from.time ? goneGap(log, null) : null, start)
  }
  const start = log.offsetOf(from)
  if (start === undefined) return forwardPage(log, request, epochGap(log, from), log.tail)
  if (start >= log.floor) return forwardPage(log, request, null, start)
  const gap: Gap = {
    from,
    to: log.cursorAt(log.floor).position,
    reason: log.reasonFor(start + 1),
    missed: log.countBetween(start, log.floor),
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
  if (typeof from !== 'string') {
    const before = log.offsetAtTime(from.time)
    if (before - 1 > log.floor || log.goneTime < 0) return backwardPage(log, request, null, before)
    // Nothing is kept from before that time, and it is not known when the oldest were published.
    return beginning(
      log,
      log.cursorAt(Math.min(before, log.tail)).position,
      log.goneTime < from.time ? log.floor : null,
    )
  }
  const start = log.offsetOf(from)
  // The newest ones come with the gap: a next page from the tail's position would leave out the tail itself.
  if (start === undefined) return backwardPage(log, request, epochGap(log, from), log.tail + 1)
  if (start - 1 > log.floor || start <= 1) return backwardPage(log, request, null, start)
  return beginning(log, from, start - 1)
}

/** A backward page of which nothing is kept: `through` is the newest offset that it would have had. */
const beginning = (log: ReadableLog, from: Position, through: number | null): Page => {
  const end = log.cursorAt(0)
  const reason = log.floor === 0 ? 'epoch-changed' : log.reasonFor(through ?? log.floor)
  const missed = through === null || log.floor === 0 ? null : log.countBetween(0, through)
  return { gap: { from, to: end.position, reason, missed }, publications: [], end, more: false }
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
