import type { AttackReport, AttackRow } from './run-attacks.js'

const MIB = 1024 * 1024
const MAX_ANSWERS = 44
const MAX_WHY = 5
/** How many times slower than without the attack a bystander may become before it is pointed out. */
const SLOWED = 3

const ms = (value: number | undefined): string => (value === undefined ? '' : value.toFixed(2))

const ratioOf = ({ bystander: { p99BeforeMs, p99DuringMs } }: AttackRow): string =>
  p99BeforeMs === undefined || p99DuringMs === undefined ? '' : `${(p99DuringMs / p99BeforeMs).toFixed(1)}x`

const cut = (text: string): string => (text.length > MAX_ANSWERS ? `${text.slice(0, MAX_ANSWERS - 1)}…` : text)

const HEADINGS = ['attack', 'what came back', 'result', 'p99 before', 'during, ms', 'ratio', 'MiB more', 'node']

const cellsOf = (row: AttackRow): readonly string[] => [
  row.attack.name,
  cut(row.answers.join(', ')),
  row.outcome,
  ms(row.bystander.p99BeforeMs),
  ms(row.bystander.p99DuringMs),
  ratioOf(row),
  row.grownBytes === undefined ? '' : (row.grownBytes / MIB).toFixed(0),
  row.outcome === 'not tried' ? '' : row.isHealthy ? 'healthy' : 'NOT HEALTHY',
]

const lineOf = (cells: readonly string[], widths: readonly number[]): string =>
  cells
    .map((cell, column) =>
      column >= 3 && column <= 6 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
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
const slowedBy = (rows: readonly AttackRow[], besideBusyThreadMs: number): readonly string[] =>
  rows.flatMap(({ attack: { name }, bystander: { p99BeforeMs = 0, p99DuringMs = 0 } }) =>
    p99DuringMs > SLOWED * Math.max(p99BeforeMs, besideBusyThreadMs) ? [name] : [],
  )

/** The report as a table in lines of text, and what there is to say about its rows. */
export const attackTable = ({
  rows,
  seed,
  p99BesideBusyThreadMs,
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
    ...(p99BesideBusyThreadMs === undefined
      ? []
      : [
          `bystander’s p99 while a thread beside it is busy and nobody attacks: ${ms(p99BesideBusyThreadMs)} ms`,
          `slowed beyond ${SLOWED} times of that, or of what was before: ${slowedBy(rows, p99BesideBusyThreadMs).join(', ') || 'by none'}`,
        ]),
    `seed: ${seed}`,
    `${refused} refused as they should be, ${failed} failed, ${notTried} not tried`,
  ]
}
