import { describe, expect, it } from 'vitest'
import { dayWords, gapWords, lastOf, lastTimeOf, localRowsOf, type Row, rowsOf } from './rows.js'
import type { GapLine, Line } from './timeline.js'

const MINUTE_MS = 60_000
const NOON = new Date(2008, 3, 27, 12, 0).getTime()
const NOTHING = { previous: undefined, timeMs: undefined }

const line = (timeMs: number, rest: Partial<Line> = {}): Line => ({
  kind: 'line',
  key: String(timeMs),
  author: 'ann',
  isVerified: true,
  isMine: false,
  text: 'hi',
  timeMs,
  offset: timeMs,
  position: String(timeMs),
  ...rest,
})

const gap: GapLine = { kind: 'gap', key: 'gap', reason: 'trimmed', missed: 12, fillable: false, filling: false }
const short = (rows: readonly Row[]): string =>
  rows.map((row) => ('opens' in row && row.opens ? 'open' : row.kind)).join(' ')

describe('rows', () => {
  it('group one author’s lines and show the day once', () => {
    const rows = rowsOf([line(NOON), line(NOON + 1), line(NOON + 2, { author: 'bob' }), line(NOON + 3)], NOTHING)
    expect(short(rows)).toBe('day open line open open')
  })

  it('open a group after five minutes, after a gap and on a new day', () => {
    expect(short(rowsOf([line(NOON), line(NOON + 5 * MINUTE_MS - 1), line(NOON + 10 * MINUTE_MS)], NOTHING))).toBe(
      'day open line open',
    )
    expect(short(rowsOf([line(NOON), gap, line(NOON + 1)], NOTHING))).toBe('day open gap open')
    const midnight = new Date(2008, 3, 28).getTime()
    expect(short(rowsOf([line(midnight - 1), line(midnight)], NOTHING))).toBe('day open day open')
  })

  it('tell a name in the data from a publisher of that name', () => {
    expect(short(rowsOf([line(NOON), line(NOON + 1, { isVerified: false })], NOTHING))).toBe('day open open')
  })

  it('go on where the run before ended', () => {
    const first = [line(NOON)]
    const before = { previous: lastOf(first), timeMs: lastTimeOf(first) }
    expect(short(rowsOf([line(NOON + 1)], before))).toBe('line')
    expect(lastOf([...first, gap])).toBe('gap')
    expect(lastTimeOf([...first, gap])).toBe(NOON)
    expect(lastOf([])).toBeUndefined()
  })

  it('add one’s own unsettled lines to one’s own group', () => {
    const local = { kind: 'local', id: 'x', text: 'hi', timeMs: NOON + 1, status: 'sending' } as const
    expect(short(localRowsOf([local], { previous: line(NOON, { author: 'me' }), timeMs: NOON }, 'me'))).toBe('local')
    expect(short(localRowsOf([local], NOTHING, 'me'))).toBe('day open')
  })
})

describe('words', () => {
  it('name days by their distance', () => {
    expect(dayWords(NOON, NOON + 1)).toBe('Today')
    expect(dayWords(NOON, new Date(2008, 3, 28, 0, 1).getTime())).toBe('Yesterday')
    expect(dayWords(NOON, new Date(2008, 4, 28).getTime())).toBe('Sunday, April 27')
    expect(dayWords(NOON, new Date(2026, 4, 28).getTime())).toBe('Sunday, April 27, 2008')
  })

  it('say what a gap hides', () => {
    expect(gapWords(gap)).toBe('12 lines are missing here: the server no longer has them.')
    expect(gapWords({ ...gap, missed: 1 })).toBe('1 line is missing here: the server no longer has them.')
    expect(gapWords({ ...gap, missed: null, reason: 'purged' })).toMatch(/^Some lines are missing here/)
    expect(gapWords({ ...gap, missed: 1234, reason: 'skipped', fillable: true })).toMatch(/^1,234 lines .* keep up/)
    for (const reason of ['epoch-changed', 'broker'] as const) {
      expect(gapWords({ ...gap, reason, missed: null })).toMatch(/may be missing/)
    }
  })
})
