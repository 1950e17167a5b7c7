/**
 * Channel patterns: segments separated by `:`. A literal segment matches itself, `{name}` one segment,
 * `{name...}` (last only) one or more.
 */
import { ContractError } from './contract-error.js'
import { channelNameProblem } from './channel-name.js'

type Segment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'param'; readonly name: string }
  | { readonly kind: 'rest'; readonly name: string }

export interface Pattern {
  readonly source: string
  readonly segments: readonly Segment[]
}

/** The parameters a pattern names, as a type: `'chat:{room}'` gives `{ room: string }`. */
export type ParamsOf<Source extends string> = string extends Source
  ? Readonly<Record<string, string>>
  : Readonly<Record<ParamNames<Source>, string>>

type ParamNames<Source extends string> = Source extends `${infer Head}:${infer Tail}`
  ? ParamName<Head> | ParamNames<Tail>
  : ParamName<Source>

type ParamName<Segment extends string> = Segment extends `{${infer Name}...}`
  ? Name
  : Segment extends `{${infer Name}}`
    ? Name
    : never

const PARAM = /^\{([A-Za-z_][A-Za-z0-9_]*)(\.\.\.)?\}$/

const parseSegment = (source: string, text: string, isLast: boolean): Segment => {
  const match = PARAM.exec(text)
  if (match?.[1] !== undefined) {
    if (match[2] === undefined) return { kind: 'param', name: match[1] }
    if (isLast) return { kind: 'rest', name: match[1] }
    throw new ContractError('bad-pattern', `pattern '${source}': {${match[1]}...} must be the last segment`)
  }
  const problem = channelNameProblem(text)
  if (problem !== undefined) throw new ContractError('bad-pattern', `pattern '${source}': segment '${text}' ${problem}`)
  return { kind: 'literal', text }
}

/** Throws ContractError `bad-pattern` with a sentence that names the pattern and the segment. */
export const parsePattern = (source: string): Pattern => {
  const texts = source.split(':')
  const segments = texts.map((text, index) => parseSegment(source, text, index === texts.length - 1))
  const names = segments.flatMap((segment) => (segment.kind === 'literal' ? [] : [segment.name]))
  if (new Set(names).size !== names.length) {
    throw new ContractError('bad-pattern', `pattern '${source}': a parameter is named twice`)
  }
  return { source, segments }
}

/** The parameters, or undefined if the channel does not match. The result has no prototype, so any name is safe. */
export const matchPattern = (pattern: Pattern, channel: string): Readonly<Record<string, string>> | undefined => {
  const texts = channel.split(':')
  const hasRest = pattern.segments.at(-1)?.kind === 'rest'
  if (hasRest ? texts.length < pattern.segments.length : texts.length !== pattern.segments.length) return undefined
  const params = Object.create(null) as Record<string, string>
  for (const [index, segment] of pattern.segments.entries()) {
    const text = texts[index] ?? ''
    if (segment.kind === 'literal' && segment.text !== text) return undefined
    if (segment.kind === 'param') params[segment.name] = text
    if (segment.kind === 'rest') params[segment.name] = texts.slice(index).join(':')
  }
  return params
}

const literals = (pattern: Pattern): number => pattern.segments.filter((segment) => segment.kind === 'literal').length
const RANK = { literal: 0, param: 1, rest: 2 } as const

/**
 * Sorts the most literal pattern first: more literal segments, then the one that is literal (or matches a single
 * segment) further left, then the longer one. 0 only for patterns of the same shape.
 */
export const comparePatterns = (a: Pattern, b: Pattern): number => {
  const byLiterals = literals(b) - literals(a)
  if (byLiterals !== 0) return byLiterals
  for (const [index, segment] of a.segments.entries()) {
    const other = b.segments[index]
    if (other === undefined) return -1
    const byRank = RANK[segment.kind] - RANK[other.kind]
    if (byRank !== 0) return byRank
    if (segment.kind === 'literal' && other.kind === 'literal' && segment.text !== other.text) {
      return segment.text < other.text ? -1 : 1
    }
  }
  return b.segments.length - a.segments.length
}

const formatSegment = (source: string, text: string, params: Readonly<Record<string, string>>): string => {
  const match = PARAM.exec(text)
  if (match?.[1] === undefined) return text
  const value = Object.hasOwn(params, match[1]) ? params[match[1]] : undefined
  const problem = value === undefined ? 'is missing' : channelNameProblem(value)
  if (value === undefined || problem !== undefined) {
    throw new ContractError('bad-params', `'${source}': parameter '${match[1]}' ${problem}`)
  }
  if (match[2] === undefined && value.includes(':')) {
    throw new ContractError('bad-params', `'${source}': parameter '${match[1]}' must be one segment, without ':'`)
  }
  return value
}

/** The channel a pattern and its parameters name. Throws ContractError `bad-params`. */
export const formatPattern = (source: string, params: Readonly<Record<string, string>>): string => {
  const channel = source
    .split(':')
    .map((text) => formatSegment(source, text, params))
    .join(':')
  const problem = channelNameProblem(channel)
  if (problem !== undefined) throw new ContractError('bad-params', `'${source}': the channel's name ${problem}`)
  return channel
}
