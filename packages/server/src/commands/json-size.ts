/** The longest number: -1.2345678901234567e-300. Longer than `false`. */
const MAX_NUMBER_BYTES = 24
/** Of one UTF-16 unit, as \u0000. */
const MAX_UNIT_BYTES = 6

/**
 * How many bytes a value has at most as JSON, of values in which `payloadProblem` finds nothing (of bytes: how many they are). Less
 * work than encoding it, and enough to see that most are far from too large.
 */
export const jsonBytesAtMost = (value: unknown): number => {
  if (typeof value === 'string') return MAX_UNIT_BYTES * value.length + 2
  if (typeof value !== 'object' || value === null) return MAX_NUMBER_BYTES
  if (value instanceof Uint8Array) return value.length
  // Two brackets, and a comma for each item.
  let bytes = 2
  if (Array.isArray(value)) {
    for (const item of value) bytes += jsonBytesAtMost(item) + 1
    return bytes
  }
  for (const key of Object.keys(value)) {
    bytes += jsonBytesAtMost(key) + jsonBytesAtMost((value as Record<string, unknown>)[key]) + 2
  }
  return bytes
}
