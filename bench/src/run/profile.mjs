/**
 * Where the processor time of a server of Node goes: `--profile`.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** @typedef {import('node:inspector').Profiler.Profile} Profile */
/** @typedef {import('node:inspector').Runtime.CallFrame} Frame */

const PRELOADED = pathToFileURL(join(import.meta.dirname, 'profiled-server.mjs')).href
const LARGEST = 6

/** @param {string} file where the profile is to be @returns {Readonly<Record<string, string>>} of the server's environment */
export const profiledInto = (file) => ({ NODE_OPTIONS: `--import ${PRELOADED}`, BENCH_PROFILE: file })

/** @param {Frame} frame @returns {string | undefined} undefined: it did nothing */
const placeOf = ({ functionName, url }) => {
  if (functionName === '(idle)') return undefined
  if (functionName === '(garbage collector)') return 'the garbage collector'
  if (functionName === '(program)') return 'outside JavaScript'
  if (url.startsWith('node:')) return "Node's JavaScript"
  if (url === '') return 'system calls and other native code'
  const library = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]
  return library ?? "the server's own code"
}

/** @param {Frame} frame */
const nameOf = ({ functionName, url }) =>
  `${functionName === '' ? 'a function' : functionName} of ${url === '' ? 'Node' : url.split('/').slice(-2).join('/')}`

/** @param {Map<string, number>} sums @param {number} total */
const sharesOf = (sums, total) =>
  [...sums]
    .sort(([, a], [, b]) => b - a)
    .map(([name, sum]) => ({ name, percent: (sum / total) * 100 }))
    .filter(({ percent }) => percent >= 0.5)

/** @param {readonly { readonly name: string, readonly percent: number }[]} shares */
const listOf = (shares) => shares.map(({ name, percent }) => `${percent.toFixed(1)} % ${name}`).join(', ')

/** Where the time went that was not idle, and the largest functions. @param {string} file @returns {readonly string[]} */
export const profileLines = (file) => {
  if (!existsSync(file)) return ['no profile: it ended before it was asked for one']
  /** @type {unknown} */
  const parsed = JSON.parse(readFileSync(file, 'utf8'))
  const profile = /** @type {Profile} */ (parsed)
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]))
  /** @type {Map<string, number>} */
  const places = new Map()
  /** @type {Map<string, number>} */
  const functions = new Map()
  let total = 0
  for (const [index, id] of (profile.samples ?? []).entries()) {
    const frame = frames.get(id)
    const place = frame === undefined ? undefined : placeOf(frame)
    const time = profile.timeDeltas?.[index] ?? 0
    if (frame === undefined || place === undefined) continue
    total += time
    places.set(place, (places.get(place) ?? 0) + time)
    if (!frame.functionName.startsWith('(')) functions.set(nameOf(frame), (functions.get(nameOf(frame)) ?? 0) + time)
  }
  return [
    `where its time went: ${listOf(sharesOf(places, total))}`,
    `largest: ${listOf(sharesOf(functions, total).slice(0, LARGEST))}`,
  ]
}
