import { expect, test } from 'vitest'
import type { AttackReport, AttackRow } from './run-attacks.js'
import { attackTable } from './table.js'

const row = (name: string, p99BeforeMs: number, p99DuringMs: number): AttackRow => ({
  attack: { name, threat: 'a threat', refusals: ['forbidden'] },
  ...{ outcome: 'refused', why: [], answers: ['forbidden'], attempts: [] },
  // Its p50 is a tenth.
  bystander: {
    before: { p50Ms: p99BeforeMs / 10, p99Ms: p99BeforeMs },
    during: { p50Ms: p99DuringMs / 10, p99Ms: p99DuringMs },
  },
  ...{ isHealthy: true, grownBytes: undefined, figure: undefined },
})

const textOf = (rows: readonly AttackRow[], besideBusyThread: AttackReport['besideBusyThread']): string => {
  const report: AttackReport = { seed: 1, rows, besideBusyThread, refused: rows.length, failed: 0, notTried: 0 }
  return attackTable(report).join('\n')
}

test('names what slowed a bystander beyond three times of what a busy thread costs, or of what was before', () => {
  const rows = [row('a-flood', 1, 16), row('within', 1, 15), row('slow-before', 6, 17), row('slower-still', 6, 19)]
  const text = textOf(rows, { p50Ms: 1, p99Ms: 5 })
  expect(text).toContain('p99 slowed beyond 3 times of that, or of what was before: a-flood, slower-still\n')
  expect(text).toContain('p50 slowed beyond 3 times of that, or of what was before: by none\n')
  expect(textOf(rows, { p50Ms: 0.1, p99Ms: 20 })).toContain(
    'p50 slowed beyond 3 times of that, or of what was before: a-flood, within, slower-still\n',
  )
  expect(textOf(rows.slice(1, 3), { p50Ms: 1, p99Ms: 5 })).toContain(
    'p99 slowed beyond 3 times of that, or of what was before: by none\n',
  )
  expect(textOf(rows, undefined)).not.toContain('slowed')
})
