/**
 * What was measured, as files: `results/NAME.json` for each scenario, and `results/plot.svg` of all that are there.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BENCH } from './paths.mjs'
import { judge } from './report.mjs'

const RESULTS = join(BENCH, 'results')

/**
 * @typedef {object} Stored
 * @property {string} name
 * @property {string} title
 * @property {string} measuredAt
 * @property {string} machine
 * @property {boolean} curve
 * @property {readonly import('../types.js').Column[]} columns
 * @property {readonly { readonly name: string, readonly peer: string, readonly title: string, readonly at: number | undefined,
 *   readonly absence: string | undefined, readonly medians: Readonly<Record<string, number>> | undefined,
 *   readonly samples: readonly import('../types.js').Sample[] }[]} rows
 * @property {readonly { readonly text: string, readonly reached: boolean | undefined, readonly ratio: number | undefined,
 *   readonly value: number | undefined }[]} marks
 */

/** @param {string} name */
const pathOf = (name) => join(RESULTS, `${name}.json`)

/** @param {string} name a scenario's @returns {Stored | undefined} */
export const readResult = (name) => {
  if (!existsSync(pathOf(name))) return undefined
  /** @type {unknown} */
  const parsed = JSON.parse(readFileSync(pathOf(name), 'utf8'))
  return /** @type {Stored} */ (parsed)
}

/** @param {import('../types.js').Result} result @param {string} machine */
export const writeResult = (result, machine) => {
  const { scenario, rows } = result
  /** @type {Stored} */
  const stored = {
    name: scenario.name,
    title: scenario.title,
    measuredAt: new Date().toISOString(),
    machine,
    curve: scenario.curve ?? false,
    columns: scenario.columns,
    rows: rows.map(({ entrant: { name, peer, title, at }, absence, medians, samples }) => ({
      ...{ name, peer: peer.name, title, at, absence, medians, samples },
    })),
    marks: scenario.marks.map((mark) => {
      const judged = judge(result, mark)
      return { text: mark.text, reached: judged?.reached, ratio: judged?.ratio, value: judged?.value }
    }),
  }
  mkdirSync(RESULTS, { recursive: true })
  writeFileSync(pathOf(scenario.name), `${JSON.stringify(stored, null, 2)}\n`)
}

/** Draws what is stored of these scenarios. @param {readonly string[]} names @returns {Promise<string>} where the plot is */
export const writePlot = async (names) => {
  // Loaded only here: it is large, and a quick run draws nothing.
  const { plotOf } = await import('./plot.mjs')
  const path = join(RESULTS, 'plot.svg')
  writeFileSync(path, plotOf(names.flatMap((name) => readResult(name) ?? [])))
  return path
}
