import { parsePattern } from '@tidings/contract'
import type { AccessRequest, Claims } from '../options.js'

/** A declared rule as the function it stands for; or the boolean, which is known without asking. */
export type CompiledRule = boolean | ((request: AccessRequest) => boolean)

type Params = Readonly<Record<string, string>>
type Text = (params: Params) => string | undefined

const TEMPLATE = /^\{([A-Za-z_][A-Za-z0-9_]*)\}$/
const FORMS =
  "true, false, 'authenticated', { user: '{parameter}' }, { claim: 'name', has: '{parameter}' }, a list of these or a function"

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const parameterNames = (pattern: string): readonly string[] =>
  parsePattern(pattern).segments.flatMap((segment) => (segment.kind === 'literal' ? [] : [segment.name]))

/** `{name}` is that parameter, anything else itself. A string says what is wrong. */
const compileText = (value: unknown, pattern: string): Text | string => {
  if (typeof value !== 'string' || value === '') return `must be one of ${FORMS}`
  const name = TEMPLATE.exec(value)?.[1]
  if (name === undefined) {
    return /[{}]/.test(value) ? `has '${value}', which is neither a text nor one whole parameter` : () => value
  }
  if (!parameterNames(pattern).includes(name)) return `names {${name}}, which is no parameter of the pattern`
  return (params) => (Object.hasOwn(params, name) ? params[name] : undefined)
}

const claimOf = (claims: Claims | undefined, name: string): unknown =>
  claims !== undefined && Object.hasOwn(claims, name) ? claims[name] : undefined

/** Issuers write ids as numbers too. */
const isText = (value: unknown, text: string): boolean =>
  value === text || (typeof value === 'number' && String(value) === text)

/** Compiles a rule that is not a function. A string says what is wrong with it. */
export const compileRule = (rule: unknown, pattern: string): CompiledRule | string => {
  if (typeof rule === 'boolean') return rule
  if (rule === 'authenticated') return ({ user }) => user !== null
  if (Array.isArray(rule)) return compileAny(rule, pattern)
  if (!isObject(rule)) return `must be ${FORMS}`
  const keys = Object.keys(rule).sort().join()
  if (keys === 'user') {
    const text = compileText(rule.user, pattern)
    if (typeof text === 'string') return text
    return ({ user, params }) => user !== null && user.id === text(params)
  }
  const { claim } = rule
  if ((keys !== 'claim' && keys !== 'claim,has') || typeof claim !== 'string' || claim === '') {
    return `must be ${FORMS}`
  }
  if (keys === 'claim') return ({ claims }) => claimOf(claims, claim) === true
  const text = compileText(rule.has, pattern)
  if (typeof text === 'string') return text
  return ({ claims, params }) => {
    const wanted = text(params)
    return wanted !== undefined && [claimOf(claims, claim)].flat().some((value) => isText(value, wanted))
  }
}

const compileAny = (rules: readonly unknown[], pattern: string): CompiledRule | string => {
  const compiled: CompiledRule[] = []
  for (const rule of rules) {
    const one = compileRule(rule, pattern)
    if (typeof one === 'string') return one
    compiled.push(one)
  }
  if (compiled.length === 0) return 'must not be an empty list; false forbids'
  if (compiled.includes(true)) return true
  return (request) => compiled.some((one) => typeof one === 'function' && one(request))
}
