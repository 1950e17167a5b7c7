/**
 * A scenario's result in words: a table of medians with the ratio to each peer, and whether each mark is reached.
 */

/** @typedef {import('../types.js').Result} Result */

/** @param {number | undefined} value @param {number} digits */
const number = (value, digits) =>
  value === undefined || Number.isNaN(value)
    ? '-'
    : value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })

/** @param {readonly (readonly string[])[]} rows */
const aligned = (rows) => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  '),
  )
}

/** @param {Result} result @param {readonly [string, string]} from */
const figure = ({ rows }, [name, key]) => rows.find(({ entrant }) => entrant.name === name)?.medians?.[key]

/**
 * Whether a mark is reached; undefined when one of its figures is missing.
 * @param {Result} result
 * @param {import('../types.js').Mark} mark
 */
export const judge = (result, { of, against, factor = 1, plus = 0, is }) => {
  const value = figure(result, of)
  const other = against === undefined ? 0 : figure(result, against)
  if (value === undefined || other === undefined) return undefined
  const bound = factor * other + plus
  const reached = is === 'beside' || (is === 'at least' ? value >= bound : value <= bound)
  return { value, other, ratio: value / other, reached }
}

/** @param {Result} result @returns {readonly string[]} */
export const tableOf = (result) => {
  const { scenario, rows } = result
  const [first] = scenario.columns
  const base = rows[0]?.medians?.[first?.figure ?? '']
  const shown = scenario.columns.filter(({ figure: key }) => rows.some(({ medians }) => medians?.[key] !== undefined))
  const header = ['', ...shown.map(({ title }) => title), 'Tidings / this']
  const lines = rows.flatMap(({ entrant, medians, samples }) => {
    if (samples.length === 0) return []
    const value = medians?.[first?.figure ?? '']
    const ratio = base === undefined || value === undefined ? '-' : `${(base / value).toFixed(2)}x`
    return [[entrant.title, ...shown.map(({ figure: key, digits }) => number(medians?.[key], digits)), ratio]]
  })
  return aligned([header, ...lines])
}

/** Which runs gave no figure, and why. @param {Result} result @returns {readonly string[]} */
export const remarksOf = ({ rows }) =>
  rows.flatMap(({ entrant, samples }) =>
    samples.flatMap((sample, round) =>
      sample.ok ? [] : [`no figure: ${entrant.title}, round ${round + 1}: ${sample.reason}`],
    ),
  )

/** @param {Result} result @returns {readonly string[]} */
export const marksOf = (result) =>
  result.scenario.marks.map((mark) => {
    const judged = judge(result, mark)
    if (judged === undefined) return `not shown    ${mark.text}: a figure is missing`
    const { reached, ratio, value } = judged
    const measure = mark.against === undefined ? number(value, 2) : `${ratio.toFixed(2)}x`
    const word = mark.is === 'beside' ? 'beside' : reached ? 'reached' : 'NOT REACHED'
    return `${word.padEnd(12)} ${mark.text}: ${measure}`
  })
