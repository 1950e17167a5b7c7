import { PROTOCOL_LIMITS } from './limits.js'
import type { PublicationData } from './messages.js'

/**
 * Says why a value cannot be a publication's data, or undefined if it can: plain JSON that every codec carries without
 * loss, or bytes as a whole. Depth is bounded, so it never overflows the stack.
 */
export const payloadProblem = (value: unknown): string | undefined =>
  value instanceof Uint8Array ? undefined : jsonProblem(value, 0)

export const isPublicationData = (value: unknown): value is PublicationData => payloadProblem(value) === undefined

/** The same for values that must be JSON, such as presence data. */
export const jsonProblem = (value: unknown, depth = 0): string | undefined => {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed() ? undefined : 'it holds a string with a lone surrogate'
    case 'boolean':
      return undefined
    case 'number':
      return Number.isFinite(value) ? undefined : 'it holds a number that is not finite'
    case 'object':
      return value === null ? undefined : containerProblem(value, depth + 1)
    default:
      return `it holds a value of type ${typeof value}`
  }
}

const containerProblem = (value: object, depth: number): string | undefined => {
  if (depth > PROTOCOL_LIMITS.maxPayloadDepth) return `it is nested more than ${PROTOCOL_LIMITS.maxPayloadDepth} deep`
  if (Array.isArray(value)) {
    for (const item of value) {
      const problem = jsonProblem(item, depth)
      if (problem !== undefined) return problem
    }
    return undefined
  }
  if (value instanceof Uint8Array) return 'it holds bytes inside a JSON value; send bytes as the whole data'
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return 'it holds an object that is not plain JSON'
  for (const key of Object.keys(value)) {
    if (key === '__proto__') return 'it holds a key named __proto__'
    if (!key.isWellFormed()) return 'it holds a key with a lone surrogate'
    const problem = jsonProblem((value as Record<string, unknown>)[key], depth)
    if (problem !== undefined) return problem
  }
  return undefined
}
