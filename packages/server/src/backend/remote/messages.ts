/**
 * What the owner of a backend and its workers say to each other. Both run the same program and nobody else has the stream
 * between them, so nothing is checked.
 */
import type { HistoryRules } from '@tidings/contract'
import type { Durability, Gap, Member, Rewind, Tags } from '@tidings/protocol'
import type {
  BackendErrorCode,
  Cursor,
  Log,
  MemberChange,
  NewPublication,
  Page,
  Payload,
  PublishResult,
  ReadRequest,
  StoredPublication,
} from '../backend.js'

/** JSON text as it is; bytes as base64 in an array of one. */
export type SentPayload = string | readonly [base64: string]

/** A tuple, because names would be most of it. */
export type SentPublication = readonly [
  offset: number,
  position: string,
  time: number,
  payload: SentPayload,
  publisher: string | null,
  id: string,
  more?: { readonly key?: string; readonly tags?: Tags; readonly mutedFor?: string },
]

export type SentNewPublication = readonly [
  payload: SentPayload,
  publisher: string | null,
  id: string,
  scope: string,
  /** true: it is the scope, as with every publication of a user. */
  account: string | true | null,
  more?: { readonly key?: string; readonly tags?: Tags; readonly mutedFor?: string; readonly isUnrepeatable?: true },
]

export interface SentPage {
  readonly gap: Gap | null
  readonly publications: readonly SentPublication[]
  readonly end: Cursor
  readonly more: boolean
}

/** What a channel asks of the log: the same for many, so it is sent once and then named by a number. */
export interface SentRules {
  readonly durability: Durability
  readonly history: HistoryRules | null
  readonly dedupeWindowMs: number
}

export type SentChannel = readonly [name: string, rules: number]

/**
 * What a worker may call. A watch is named by the number of the call that made it; `rules` and `stop` have no answer.
 * Bytes are base64.
 */
export interface Methods {
  rules(number: number, rules: SentRules): null
  stop(watch: number): null
  /** `startByMs`: until when it may begin, by the machine's clock; later it is refused. */
  publish(channel: SentChannel, publication: SentNewPublication, startByMs: number | null): PublishResult
  read(channel: SentChannel, request: ReadRequest): SentPage
  rewind(channel: SentChannel, rewind: Rewind): Cursor
  tails(channels: readonly SentChannel[]): readonly Cursor[]
  watch(channel: SentChannel, account: string | null): null
  isInUse(channel: SentChannel): boolean
  purge(channel: SentChannel): null
  /** Does nothing: its answer comes after every notice before it. */
  noticed(): null
  put(channel: string, member: Member): null
  remove(channel: string, member: string): null
  members(channel: string): readonly Member[]
  watchMembers(channel: string): readonly Member[]
  broadcast(subject: string, bytes: string): null
  listen(subject: string): null
  get(key: string): string | null
  set(key: string, bytes: string): null
  delete(key: string): null
  list(prefix: string): readonly (readonly [key: string, bytes: string])[]
}

export type Method = keyof Methods

/** `call` is 0 when no answer is wanted. */
export type WorkerMessage = readonly [method: Method, call: number, ...args: unknown[]]

/** What a worker must know before it can make a backend. */
export interface Hello {
  readonly name: string
  readonly durabilities: readonly Durability[]
  readonly notices: Log['notices']
}

export type OwnerMessage =
  | readonly ['hello', Hello]
  | readonly ['answer', call: number, result: unknown]
  /** Without a code: not a BackendError. */
  | readonly ['error', call: number, message: string, code?: BackendErrorCode]
  | readonly ['notice', watch: number, previousOffset: number | null, publication: SentPublication]
  | readonly ['suspect', watch: number]
  | readonly ['member', watch: number, change: MemberChange, member: Member]
  | readonly ['bytes', watch: number, bytes: string]
  | readonly ['failed', message: string, code: BackendErrorCode]

/**
 * Monotonic milliseconds that all processes of the machine share: the owner may be stopped while a call waits for it, and
 * its own clock does not tell when the call was made.
 */
export const machineMs = (): number => {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}

export const sendBytes = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')

export const takeBytes = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'))

const sendPayload = (payload: Payload): SentPayload => (typeof payload === 'string' ? payload : [sendBytes(payload)])

const takePayload = (payload: SentPayload): Payload => (typeof payload === 'string' ? payload : takeBytes(payload[0]))

export const sendPublication = (publication: StoredPublication): SentPublication => {
  const { offset, position, time, payload, publisher, id, key, tags, mutedFor } = publication
  const sent = [offset, position, time, sendPayload(payload), publisher, id] as const
  if (key === undefined && tags === undefined && mutedFor === undefined) return sent
  return [
    ...sent,
    {
      ...(key !== undefined && { key }),
      ...(tags !== undefined && { tags }),
      ...(mutedFor !== undefined && { mutedFor }),
    },
  ]
}

export const takePublication = (sent: SentPublication): StoredPublication => {
  const [offset, position, time, payload, publisher, id, more] = sent
  const publication = { offset, position, time, payload: takePayload(payload), publisher, id }
  return more === undefined ? publication : { ...publication, ...more }
}

export const sendNewPublication = (publication: NewPublication): SentNewPublication => {
  const { payload, publisher, id, scope, account, key, tags, mutedFor, isUnrepeatable } = publication
  const payer = account === scope ? true : (account ?? null)
  const sent = [sendPayload(payload), publisher, id, scope, payer] as const
  const isPlain = key === undefined && tags === undefined && mutedFor === undefined
  if (isPlain && isUnrepeatable === undefined) return sent
  return [
    ...sent,
    {
      ...(key !== undefined && { key }),
      ...(tags !== undefined && { tags }),
      ...(mutedFor !== undefined && { mutedFor }),
      ...(isUnrepeatable !== undefined && { isUnrepeatable }),
    },
  ]
}

export const takeNewPublication = (sent: SentNewPublication): NewPublication => {
  const [payload, publisher, id, scope, payer, more] = sent
  const account = payer === true ? scope : (payer ?? undefined)
  const publication = { payload: takePayload(payload), publisher, id, scope, account }
  return more === undefined ? publication : { ...publication, ...more }
}

export const sendPage = ({ gap, publications, end, more }: Page): SentPage => ({
  gap,
  publications: publications.map(sendPublication),
  end,
  more,
})

export const takePage = ({ gap, publications, end, more }: SentPage): Page => ({
  gap,
  publications: publications.map(takePublication),
  end,
  more,
})
