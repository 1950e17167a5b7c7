import { expect, test } from 'vitest'
import type { AttackReport, AttackRow } from './run-attacks.js'
import { attackTable } from './table.js'

const row = (name: string, p99BeforeMs: number, p99DuringMs: number): AttackRow => ({
  attack: { name, threat: 'a threat', refusals: ['forbidden'] },
  ...{ outcome: 'refused', why: [], answers: ['forbidden'], attempts: [] },
  bystander: { p99BeforeMs, p99DuringMs },
  ...{ isHealthy: true, grownBytes: undefined, figure: undefined },
})

const textOf = (rows: readonly AttackRow[], p99BesideBusyThreadMs: number | undefined): string => {
  const report: AttackReport = { seed: 1, rows, p99BesideBusyThreadMs, refused: rows.length, failed: 0, notTried: 0 }
  return attackTable(report).join('\n')
}

test('names what slowed a bystander beyond three times of what a busy thread costs, or of what was before', () => {
  const rows = [row('a-flood', 1, 16), row('within', 1, 15), row('slow-before', 6, 17), row('slower-still', 6, 19)]
  expect(textOf(rows, 5)).toContain('or of what was before: a-flood, slower-still\n')
  expect(textOf(rows.slice(1, 3), 5)).toContain('or of what was before: by none\n')
  expect(textOf(rows, undefined)).not.toContain('slowed')
})
