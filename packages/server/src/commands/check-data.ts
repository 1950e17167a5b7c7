import type { StandardSchemaV1 } from '@standard-schema/spec'
import { payloadProblem, plainData, type PublicationData } from '@tidings/protocol'
import type { Payload } from '../backend/backend.js'
import { payloadBytes } from '../backend/publication-size.js'
import type { Channel } from '../channels.js'
import { jsonBytesAtMost } from './json-size.js'

/** Data that fits its channel, as it is stored; or why it does not. */
export type Checked = { readonly ok: true; readonly payload: Payload } | DataFailure

interface DataFailure {
  readonly ok: false
  readonly code: 'bad-payload' | 'invalid-data' | 'payload-too-large'
  readonly message: string
}

const badPayload = (problem: string): DataFailure => ({
  ok: false,
  code: 'bad-payload',
  message: `the data cannot be carried: ${problem}`,
})

const notCarried = (data: unknown): DataFailure | undefined => {
  const problem = payloadProblem(data)
  return problem === undefined ? undefined : badPayload(problem)
}

/** Copies data that the application gives, as JSON or bytes. */
export const copyData = (data: unknown): { readonly ok: true; readonly data: PublicationData } | DataFailure => {
  try {
    return { ok: true, data: plainData(data) }
  } catch (error) {
    return badPayload(error instanceof Error ? error.message : String(error))
  }
}

/** Of data that can be carried. */
const encoded = (data: unknown, maxPayloadBytes: number): Checked => {
  // Bytes are copied: decoded ones are a view of the frame they came in.
  const payload = data instanceof Uint8Array ? new Uint8Array(data) : JSON.stringify(data)
  const bytes = payloadBytes(payload)
  if (bytes <= maxPayloadBytes) return { ok: true, payload }
  return {
    ok: false,
    code: 'payload-too-large',
    message: `the data has ${bytes} bytes, at most ${maxPayloadBytes} are taken`,
  }
}

const toPayload = (data: unknown, maxPayloadBytes: number): Checked =>
  notCarried(data) ?? encoded(data, maxPayloadBytes)

/** A schema may give out what JSON would convert, such as a Date or a property that is undefined. */
const outputPayload = (output: unknown, maxPayloadBytes: number): Checked => {
  if (payloadProblem(output) === undefined) return encoded(output, maxPayloadBytes)
  const copied = copyData(output)
  return copied.ok ? encoded(copied.data, maxPayloadBytes) : copied
}

/** Why data is not even shown to its schema. Most is seen to be small enough without being encoded for it. */
const refusal = (data: unknown, maxPayloadBytes: number): Checked | undefined => {
  const problem = notCarried(data)
  if (problem !== undefined || jsonBytesAtMost(data) <= maxPayloadBytes) return problem
  const checked = encoded(data, maxPayloadBytes)
  return checked.ok ? undefined : checked
}

const describeIssue = ({ message, path }: StandardSchemaV1.Issue): string => {
  const keys = (path ?? []).map((segment) => String(typeof segment === 'object' ? segment.key : segment))
  return keys.length === 0 ? message : `${keys.join('.')}: ${message}`
}

/**
 * Checks data against its channel's schema and the limits. What the schema gives out is what is stored. Synchronous
 * unless the schema is not.
 */
export const checkData = (channel: Channel, data: unknown, maxPayloadBytes: number): Checked | Promise<Checked> => {
  const schema = channel.match.definition.data
  if (schema === undefined) return toPayload(data, maxPayloadBytes)
  const refused = refusal(data, maxPayloadBytes)
  if (refused !== undefined) return refused
  const checked = (result: StandardSchemaV1.Result<unknown>): Checked =>
    result.issues === undefined
      ? outputPayload(result.value, maxPayloadBytes)
      : {
          ok: false,
          code: 'invalid-data',
          message: result.issues.slice(0, 5).map(describeIssue).join('; ').toWellFormed(),
        }
  const result = schema['~standard'].validate(data)
  return result instanceof Promise ? result.then(checked) : checked(result)
}
