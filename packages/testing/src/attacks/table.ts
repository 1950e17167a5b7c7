import type { Latency } from './bystander.js'
import type { AttackReport, AttackRow } from './run-attacks.js'

const MIB = 1024 * 1024
const MAX_ANSWERS = 44
const MAX_WHY = 5
/** How many times slower than without the attack a bystander may become before it is pointed out. */
const SLOWED = 3

const ms = (value: number | undefined): string => (value === undefined ? '' : value.toFixed(2))

const ratioOf = ({ bystander: { before, during } }: AttackRow): string =>
  before.p99Ms === undefined || during.p99Ms === undefined ? '' : `${(during.p99Ms / before.p99Ms).toFixed(1)}x`

const cut = (text: string): string => (text.length > MAX_ANSWERS ? `${text.slice(0, MAX_ANSWERS - 1)}…` : text)

const HEADINGS = [
  ...['attack', 'what came back', 'result'],
  ...['p50 before', 'during', 'p99 before', 'during, ms', 'ratio', 'MiB more'],
  'node',
]
const FIGURES = { from: 3, to: 8 }

const cellsOf = (row: AttackRow): readonly string[] => [
  row.attack.name,
  cut(row.answers.join(', ')),
  row.outcome,
  ms(row.bystander.before.p50Ms),
  ms(row.bystander.during.p50Ms),
  ms(row.bystander.before.p99Ms),
  ms(row.bystander.during.p99Ms),
  ratioOf(row),
  row.grownBytes === undefined ? '' : (row.grownBytes / MIB).toFixed(0),
  row.outcome === 'not tried' ? '' : row.isHealthy ? 'healthy' : 'NOT HEALTHY',
]

const lineOf = (cells: readonly string[], widths: readonly number[]): string =>
  cells
    .map((cell, column) =>
      column >= FIGURES.from && column <= FIGURES.to
        ? cell.padStart(widths[column] ?? 0)
        : cell.padEnd(widths[column] ?? 0),
    )
    .join('  ')
    .trimEnd()

/** Below the table: figures, why something failed or was not tried, and the count. */
const notesOf = ({ attack, outcome, why, figure }: AttackRow): readonly string[] => [
  ...(figure === undefined ? [] : [`${attack.name}: ${figure}`]),
  ...(outcome === 'failed'
    ? [
        `${attack.name} FAILED. ${attack.threat}; expected ${attack.refusedWith ?? attack.refusals.join(', ')}`,
        ...why.slice(0, MAX_WHY).map((line) => `    ${line}`),
        ...(why.length > MAX_WHY ? [`    and ${why.length - MAX_WHY} more`] : []),
      ]
    : []),
  ...(outcome === 'not tried' ? [`${attack.name} was not tried: ${why.join('; ')}`] : []),
]

/**
 * Attacks beyond that, measured by the slower of what was before and what a busy thread beside the bystander costs. No verdict:
 * a time on a machine that does other things too may be theirs.
 */
const slowedBy = (rows: readonly AttackRow[], of: keyof Latency, besideBusyThreadMs: number): string =>
  rows
    .flatMap(({ attack: { name }, bystander: { before, during } }) =>
      (during[of] ?? 0) > SLOWED * Math.max(before[of] ?? 0, besideBusyThreadMs) ? [name] : [],
    )
    .join(', ') || 'by none'

const slowedLines = (rows: readonly AttackRow[], { p50Ms = 0, p99Ms = 0 }: Latency): readonly string[] => [
  `bystander’s p50 and p99 while a thread beside it is busy and nobody attacks: ${ms(p50Ms)} and ${ms(p99Ms)} ms`,
  `p50 slowed beyond ${SLOWED} times of that, or of what was before: ${slowedBy(rows, 'p50Ms', p50Ms)}`,
  `p99 slowed beyond ${SLOWED} times of that, or of what was before: ${slowedBy(rows, 'p99Ms', p99Ms)}`,
]

/** The report as a table in lines of text, and what there is to say about its rows. */
export const attackTable = ({
  rows,
  seed,
  besideBusyThread,
  refused,
  failed,
  notTried,
}: AttackReport): readonly string[] => {
  const table = [HEADINGS, ...rows.map(cellsOf)]
  const widths = HEADINGS.map((_, column) => Math.max(...table.map((cells) => (cells[column] ?? '').length)))
  return [
    ...table.map((cells) => lineOf(cells, widths)),
    '',
    ...rows.flatMap(notesOf),
    ...(besideBusyThread === undefined ? [] : slowedLines(rows, besideBusyThread)),
    `seed: ${seed}`,
    `${refused} refused as they should be, ${failed} failed, ${notTried} not tried`,
  ]
}
