import type { LocalLine } from './local-lines.js'
import type { GapLine, Line, TimelineItem } from './timeline.js'

export type Row =
  | { readonly kind: 'day'; readonly key: string; readonly timeMs: number }
  | { readonly kind: 'gap'; readonly key: string; readonly gap: GapLine }
  /** `opens`: the first of a group of one author's lines, which shows who it is. */
  | { readonly kind: 'line'; readonly key: string; readonly line: Line; readonly opens: boolean }
  | { readonly kind: 'local'; readonly key: string; readonly line: LocalLine; readonly opens: boolean }

/** What a row needs to know of the one before it. */
export type Previous =
  | { readonly author: string; readonly isVerified: boolean; readonly timeMs: number }
  | 'gap'
  | undefined

/** A group ends with a pause this long. */
const GROUP_PAUSE_MS = 5 * 60_000

const dayOf = (timeMs: number): string => new Date(timeMs).toDateString()

const opensGroup = (line: Exclude<Previous, 'gap' | undefined>, previous: Previous): boolean =>
  previous === undefined ||
  previous === 'gap' ||
  previous.author !== line.author ||
  previous.isVerified !== line.isVerified ||
  line.timeMs - previous.timeMs >= GROUP_PAUSE_MS ||
  dayOf(line.timeMs) !== dayOf(previous.timeMs)

const needsDay = (timeMs: number, before: number | undefined): boolean =>
  before === undefined || dayOf(timeMs) !== dayOf(before)

/** The last line of a run, or that a gap ends it; undefined for an empty run. */
export const lastOf = (items: readonly TimelineItem[]): Previous => {
  const last = items.at(-1)
  return last?.kind === 'gap' ? 'gap' : last
}

/** The time of the last line of a run: a day's name is said once, gaps or not. */
export const lastTimeOf = (items: readonly TimelineItem[]): number | undefined =>
  items.findLast((item) => item.kind === 'line')?.timeMs

/** Lines and gaps as they are drawn, with a separator before the first line of each day. */
export const rowsOf = (
  items: readonly TimelineItem[],
  before: { readonly previous: Previous; readonly timeMs: number | undefined },
): readonly Row[] => {
  const rows: Row[] = []
  let { previous, timeMs } = before
  for (const item of items) {
    if (item.kind === 'gap') {
      rows.push({ kind: 'gap', key: item.key, gap: item })
      previous = 'gap'
      continue
    }
    if (needsDay(item.timeMs, timeMs)) rows.push({ kind: 'day', key: `day ${item.key}`, timeMs: item.timeMs })
    rows.push({ kind: 'line', key: item.key, line: item, opens: opensGroup(item, previous) })
    previous = item
    timeMs = item.timeMs
  }
  return rows
}

/** One's own unsettled lines, which follow everything else. */
export const localRowsOf = (
  lines: readonly LocalLine[],
  before: { readonly previous: Previous; readonly timeMs: number | undefined },
  me: string,
): readonly Row[] => {
  const rows: Row[] = []
  let { previous, timeMs } = before
  for (const line of lines) {
    const own = { author: me, isVerified: true, timeMs: line.timeMs }
    if (needsDay(line.timeMs, timeMs)) rows.push({ kind: 'day', key: `day ${line.id}`, timeMs: line.timeMs })
    rows.push({ kind: 'local', key: `local ${line.id}`, line, opens: opensGroup(own, previous) })
    previous = own
    timeMs = line.timeMs
  }
  return rows
}

/** `Today`, `Yesterday`, or the date, in the reader's language where words allow. */
export const dayWords = (timeMs: number, nowMs: number): string => {
  const now = new Date(nowMs)
  if (dayOf(timeMs) === dayOf(nowMs)) return 'Today'
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1)
  if (dayOf(timeMs) === yesterday.toDateString()) return 'Yesterday'
  const day = new Date(timeMs)
  const isThisYear = day.getFullYear() === now.getFullYear()
  return day.toLocaleDateString('en', {
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    ...(isThisYear ? undefined : { year: 'numeric' }),
  })
}

/** What a gap says to the reader. */
export const gapWords = ({ reason, missed, fillable }: GapLine): string => {
  const lines =
    missed === null ? 'Some lines are' : missed === 1 ? '1 line is' : `${missed.toLocaleString('en')} lines are`
  switch (reason) {
    case 'trimmed':
    case 'expired':
    case 'purged':
      return `${lines} missing here: the server no longer has them.`
    case 'epoch-changed':
      return 'The server started a new record here. Lines from before it may be missing.'
    case 'skipped':
      return fillable ? `${lines} missing here: this connection could not keep up.` : `${lines} missing here.`
    case 'broker':
      return 'Lines may be missing here: the server cannot show that none are.'
  }
}
