import type { StandardSchemaV1 } from '@standard-schema/spec'
import { ContractError } from './contract-error.js'
import { comparePatterns, matchPattern, type Pattern, type ParamsOf, parsePattern } from './pattern.js'

/** How much a channel keeps. At least one bound; a publication goes when any of them is passed. */
export interface HistoryRules {
  readonly maxCount?: number
  readonly maxAgeMs?: number
  /** Bytes of data, keys and tags. */
  readonly maxBytes?: number
}

/** Limits of the server that other channels have by its options. */
export interface ChannelLimits {
  /** Publications of clients to one channel: this many a second … */
  readonly publishesPerSecond?: number
  /** … after this many at once. Default: the server's, and at least `publishesPerSecond`. */
  readonly publishBurst?: number
}

export interface ChannelRules {
  /** Absent: the channel keeps nothing, and a subscriber that was away gets a gap. */
  readonly history?: HistoryRules
  /** Default: `none` without history; with history the safest the backend has. */
  readonly durability?: 'none' | 'memory' | 'disk' | 'replicated'
  /** Whether clients may enter the channel and see who is there. Default false. */
  readonly presence?: boolean
  /** How long a publication's id is remembered, in milliseconds. Default 120000. */
  readonly dedupeWindowMs?: number
  /** For channels that need more than the server's limits allow, or less. */
  readonly limits?: ChannelLimits
}

export interface ChannelDefinition<Schema extends StandardSchemaV1 | undefined = StandardSchemaV1 | undefined>
  extends ChannelRules {
  /** Any Standard Schema (zod, valibot, arktype, …). Absent: any JSON value or bytes. */
  readonly data?: Schema
}

export type Channels = Readonly<Record<string, ChannelDefinition>>

/** A channel's definition with the pattern that matched and the parameters it gave. */
export interface ChannelMatch {
  readonly pattern: string
  readonly params: Readonly<Record<string, string>>
  readonly definition: ChannelDefinition
}

export interface Contract<Defined extends Channels = Channels> {
  readonly channels: Defined
  /** The most literal pattern that matches, or undefined: the channel does not exist. */
  match(channel: string): ChannelMatch | undefined
}

/** The patterns of a contract type. */
export type PatternOf<App extends Contract> = Extract<keyof App['channels'], string>

/** The schema without the `undefined` of an optional property; never for a channel that has none. */
type SchemaOf<App extends Contract, Source extends PatternOf<App>> = App['channels'][Source] extends {
  readonly data?: infer Schema
}
  ? Extract<Schema, StandardSchemaV1>
  : never

/** What a publisher hands in: the schema's input. */
export type InputOf<App extends Contract, Source extends PatternOf<App>> = [SchemaOf<App, Source>] extends [never]
  ? unknown
  : StandardSchemaV1.InferInput<SchemaOf<App, Source>>

/** What a subscriber gets: the schema's output. */
export type OutputOf<App extends Contract, Source extends PatternOf<App>> = [SchemaOf<App, Source>] extends [never]
  ? unknown
  : StandardSchemaV1.InferOutput<SchemaOf<App, Source>>

export type { ParamsOf }

/**
 * What `channel(pattern, …)` takes after the pattern: parameters only where it has some. Give it `NoInfer<Source>`, or the
 * parameters' names become candidates for the pattern.
 */
export type ParamsArguments<Source extends string> = string extends Source
  ? [params?: Readonly<Record<string, string>>]
  : keyof ParamsOf<Source> extends never
    ? [params?: undefined]
    : [params: ParamsOf<Source>]

/** One channel definition; a function so that the schema's type is kept. */
export const channel = <Schema extends StandardSchemaV1 | undefined = undefined>(
  definition: ChannelDefinition<Schema>,
): ChannelDefinition<Schema> => definition

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isStandardSchema = (value: unknown): boolean => {
  const standard = (value as Partial<StandardSchemaV1> | null)?.['~standard']
  return typeof standard?.validate === 'function'
}

const RULE_KEYS = ['data', 'history', 'durability', 'presence', 'dedupeWindowMs', 'limits']
const LIMIT_KEYS = ['publishesPerSecond', 'publishBurst']
const HISTORY_KEYS = ['maxCount', 'maxAgeMs', 'maxBytes']
const DURABILITIES = ['none', 'memory', 'disk', 'replicated']

// Contracts also come from JSON and from JavaScript, so the rules are checked as unknown values.
const rulesProblem = (rules: ChannelDefinition): string | undefined => {
  const unknownKey = Object.keys(rules).find((key) => !RULE_KEYS.includes(key))
  if (unknownKey !== undefined) return `${unknownKey} is not a rule; rules are ${RULE_KEYS.join(', ')}`
  if (rules.data !== undefined && !isStandardSchema(rules.data)) {
    return 'data must be a Standard Schema'
  }
  if (rules.durability !== undefined && !DURABILITIES.includes(rules.durability)) {
    return `durability must be one of ${DURABILITIES.join(', ')}`
  }
  if (rules.presence !== undefined && typeof rules.presence !== 'boolean') return 'presence must be true or false'
  const window = rules.dedupeWindowMs
  if (window !== undefined && !(Number.isInteger(window) && window >= 1000 && window <= 86_400_000)) {
    return 'dedupeWindowMs must be a whole number from 1000 to 86400000'
  }
  return (
    groupProblem('history', rules.history, HISTORY_KEYS) ??
    groupProblem('limits', rules.limits, LIMIT_KEYS) ??
    durabilityProblem(rules)
  )
}

/** A group of bounds, at least one of them, each a positive whole number. */
const groupProblem = (name: string, group: unknown, keys: readonly string[]): string | undefined => {
  if (group === undefined) return undefined
  if (!isObject(group)) return `${name} must be an object`
  const unknownKey = Object.keys(group).find((key) => !keys.includes(key))
  if (unknownKey !== undefined) return `${name}.${unknownKey} is not a rule; rules are ${keys.join(', ')}`
  const bounds = Object.entries(group).filter(([, bound]) => bound !== undefined)
  if (bounds.length === 0) return `${name} needs at least one of ${keys.join(', ')}`
  const bad = bounds.find(([, bound]) => !Number.isSafeInteger(bound) || (bound as number) < 1)
  return bad === undefined ? undefined : `${name}.${bad[0]} must be a positive whole number`
}

const durabilityProblem = ({ history, durability }: ChannelRules): string | undefined => {
  if (history === undefined && durability !== undefined && durability !== 'none') {
    return `durability '${durability}' needs history: without it nothing is kept`
  }
  return history !== undefined && durability === 'none' ? "history needs a durability other than 'none'" : undefined
}

/** Throws ContractError `bad-pattern` or `bad-rules` with one sentence that names the pattern. */
export const defineContract = <const Defined extends Channels>(channels: Defined): Contract<Defined> => {
  const patterns: Pattern[] = Object.keys(channels).map(parsePattern).sort(comparePatterns)
  for (const [index, pattern] of patterns.entries()) {
    const next = patterns[index + 1]
    if (next !== undefined && comparePatterns(pattern, next) === 0) {
      throw new ContractError(
        'bad-pattern',
        `patterns '${pattern.source}' and '${next.source}' match the same channels`,
      )
    }
    const rules: unknown = channels[pattern.source]
    const problem = isObject(rules) ? rulesProblem(rules) : 'its rules must be an object'
    if (problem !== undefined) throw new ContractError('bad-rules', `channel '${pattern.source}': ${problem}`)
  }
  return {
    channels,
    match: (name) => {
      for (const pattern of patterns) {
        const params = matchPattern(pattern, name)
        const definition = channels[pattern.source]
        if (params !== undefined && definition !== undefined) return { pattern: pattern.source, params, definition }
      }
      return undefined
    },
  }
}
