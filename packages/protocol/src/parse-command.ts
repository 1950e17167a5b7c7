import { isRecord } from './codec.js'
import type { ErrorCode } from './codes.js'
import { PROTOCOL_LIMITS } from './limits.js'
import type { Command, CommandType } from './messages.js'

export type ParsedCommand =
  | { readonly ok: true; readonly command: Command }
  /** `id` is null when the message has none that can be answered: the frame is bad as a whole. */
  | { readonly ok: false; readonly id: number | null; readonly code: ErrorCode; readonly message: string }

type Check = (value: unknown) => string | undefined
type Fields = Readonly<Record<string, { readonly check: Check; readonly required?: true }>>

const text =
  (maxLength: number): Check =>
  (value) =>
    typeof value === 'string' && value.length > 0 && value.length <= maxLength && value.isWellFormed()
      ? undefined
      : `must be a string of 1 to ${maxLength} characters`

const oneOf =
  (...choices: readonly string[]): Check =>
  (value) =>
    typeof value === 'string' && choices.includes(value) ? undefined : `must be one of ${choices.join(', ')}`

const integer =
  (min: number, max: number): Check =>
  (value) =>
    Number.isInteger(value) && (value as number) >= min && (value as number) <= max
      ? undefined
      : `must be a whole number from ${min} to ${max}`

const flag: Check = (value) => (typeof value === 'boolean' ? undefined : 'must be true or false')
const present: Check = (value) => (value === undefined ? 'is missing' : undefined)

const rewind: Check = (value) => {
  if (!isRecord(value)) return 'must be an object with count, ageMs or both'
  const { count, ageMs } = value
  if (count === undefined && ageMs === undefined) return 'must have count, ageMs or both'
  if (count !== undefined && integer(0, 1_000_000)(count) !== undefined)
    return 'count must be a whole number up to 1000000'
  if (ageMs !== undefined && integer(0, Number.MAX_SAFE_INTEGER)(ageMs) !== undefined)
    return 'ageMs must be a whole number'
  return undefined
}

const tags: Check = (value) => {
  const entries = isRecord(value) ? Object.entries(value) : []
  const fits = isRecord(value) && entries.length <= PROTOCOL_LIMITS.maxTags
  const check = text(PROTOCOL_LIMITS.maxTagLength)
  return fits &&
    entries.every(([name, tag]) => name !== '__proto__' && check(name) === undefined && check(tag) === undefined)
    ? undefined
    : `must be at most ${PROTOCOL_LIMITS.maxTags} short strings by name`
}

const channel = { check: text(PROTOCOL_LIMITS.maxChannelBytes), required: true } as const
const sub = { check: integer(0, PROTOCOL_LIMITS.maxSub) }
const token = { check: text(PROTOCOL_LIMITS.maxTokenLength) }
const position = { check: text(PROTOCOL_LIMITS.maxPositionLength) }

const FIELDS: Readonly<Record<CommandType, Fields>> = {
  connect: {
    token,
    client: { check: text(PROTOCOL_LIMITS.maxClientIdLength) },
  },
  subscribe: {
    channel,
    sub,
    from: position,
    rewind: { check: rewind },
    policy: { check: oneOf('catch-up', 'skip', 'disconnect') },
    presence: { check: flag },
  },
  unsubscribe: { channel, sub },
  publish: {
    channel,
    data: { check: present, required: true },
    publicationId: { check: text(PROTOCOL_LIMITS.maxPublicationIdLength) },
    key: { check: text(PROTOCOL_LIMITS.maxKeyLength) },
    tags: { check: tags },
    echo: { check: flag },
    withinMs: { check: integer(0, Number.MAX_SAFE_INTEGER) },
  },
  history: {
    channel,
    direction: { check: oneOf('forward', 'backward') },
    from: position,
    at: { check: integer(0, Number.MAX_SAFE_INTEGER) },
    limit: { check: integer(1, Number.MAX_SAFE_INTEGER) },
  },
  presence: {
    channel,
    action: { check: oneOf('enter', 'update', 'leave', 'get'), required: true },
    data: { check: present },
  },
  refresh: { token: { ...token, required: true } },
  ping: {},
}

const EXCLUSIVE: Readonly<Partial<Record<CommandType, readonly [string, string]>>> = {
  subscribe: ['from', 'rewind'],
  history: ['from', 'at'],
}

const fieldProblem = (type: CommandType, message: Record<string, unknown>): string | undefined => {
  const fields = FIELDS[type]
  for (const name of Object.keys(fields)) {
    const value = Object.hasOwn(message, name) ? message[name] : undefined
    const field = fields[name]
    if (field === undefined || (value === undefined && field.required === undefined)) continue
    const problem = field.check(value)
    if (problem !== undefined) return `${name} ${problem}`
  }
  const pair = EXCLUSIVE[type]
  if (pair !== undefined && message[pair[0]] !== undefined && message[pair[1]] !== undefined) {
    return `${pair[0]} and ${pair[1]} exclude each other`
  }
  return undefined
}

/**
 * Checks one decoded message against the shape of its command. Unknown fields are left alone: a newer client may send
 * them. The data of a publish is checked later, against its channel. Never throws.
 */
export const parseCommand = (message: unknown): ParsedCommand => {
  if (!isRecord(message)) return { ok: false, id: null, code: 'bad-command', message: 'a message must be an object' }
  const { id, type } = message
  if (!Number.isSafeInteger(id) || (id as number) < 1) {
    return { ok: false, id: null, code: 'bad-command', message: 'id must be a positive whole number' }
  }
  const refuse = (code: ErrorCode, why: string): ParsedCommand => ({ ok: false, id: id as number, code, message: why })
  if (typeof type !== 'string' || !Object.hasOwn(FIELDS, type))
    return refuse('unknown-command', 'type is not a known command')
  const problem = fieldProblem(type as CommandType, message)
  if (problem !== undefined) return refuse('bad-command', problem)
  return { ok: true, command: message as unknown as Command }
}
