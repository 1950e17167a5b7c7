import { randomId } from './random-id.js'
import { type Contract, formatPattern, type InputOf, type OutputOf, type PatternOf } from '@tidings/contract'
import {
  type ErrorCode,
  type Gap,
  type HistoryCommand,
  type Member,
  parseCommand,
  type Position,
  type Publication,
  type Tags,
} from '@tidings/protocol'
import type { Log, PresenceStore, PublishResult } from './backend/backend.js'
import type { Channel, Channels } from './channels.js'
import { readHistory } from './commands/history.js'
import { checkData, copyData } from './commands/check-data.js'
import { knownFailure } from './session/errors.js'

export interface PublishOptions {
  /** The same id within the dedupe window is stored once; without one a retry publishes again. At most 128 characters. */
  readonly id?: string
  readonly key?: string
  readonly tags?: Tags
}

export interface RemoteFailure {
  readonly code: ErrorCode
  readonly message: string
}

export type PublishOutcome =
  | ({ readonly ok: true; readonly id: string } & PublishResult)
  | { readonly ok: false; readonly id: string; readonly error: RemoteFailure }

export interface HistoryPage<Data> {
  readonly publications: readonly (Omit<Publication, 'data'> & { readonly data: Data })[]
  readonly gap?: Gap
  readonly position: Position
  readonly more: boolean
}

/** One channel as the application that embeds the server uses it: without access rules, as publisher null. */
export interface ChannelHandle<Input, Output> {
  readonly name: string
  /**
   * Resolves once it is as durable as the channel's rules say; a failure of the data or the backend is a value. The data is
   * copied at once, an ArrayBuffer or a view of one as bytes, anything else as JSON with `toJSON` and without properties
   * that are undefined; data that JSON cannot carry is the failure `bad-payload`, whose message names the path. Rejects with
   * TypeError for an id, a key or tags that break the protocol's bounds.
   */
  publish(data: Input, options?: PublishOptions): Promise<PublishOutcome>
  /** One page. Rejects with BackendError. */
  history(query?: Omit<HistoryCommand, 'type' | 'id' | 'channel'>): Promise<HistoryPage<Output>>
  /** Everyone present. Rejects with BackendError. */
  members(): Promise<readonly Member[]>
}

export interface ChannelHandleParts {
  readonly channels: Channels
  readonly log: Log
  readonly presence: PresenceStore
  readonly ready: Promise<void>
  readonly maxPayloadBytes: number
  readonly maxHistoryPage: number
}

/** Throws ContractError for parameters that do not fit, and Error for a channel that does not exist. */
export const channelHandle = <App extends Contract, Source extends PatternOf<App>>(
  parts: ChannelHandleParts,
  pattern: Source,
  params: Readonly<Record<string, string>>,
): ChannelHandle<InputOf<App, Source>, OutputOf<App, Source>> => {
  const found = parts.channels.find(formatPattern(pattern, params))
  if (!found.ok) throw new Error(found.message)
  const { channel } = found
  return {
    name: channel.name,
    publish: (data, options = {}) => publish(parts, channel, data, options),
    history: async (query = {}) => {
      await parts.ready
      const page = await readHistory(parts.log, channel, query, parts.maxHistoryPage)
      return page
    },
    members: async () => {
      await parts.ready
      return parts.presence.members(channel.name)
    },
  }
}

const publish = async (
  { log, ready, maxPayloadBytes }: ChannelHandleParts,
  channel: Channel,
  data: unknown,
  { id: givenId, key, tags }: PublishOptions,
): Promise<PublishOutcome> => {
  const id = givenId ?? randomId(12)
  checkFields(channel, { publicationId: id, key, tags })
  const copied = copyData(data)
  await ready
  const checked = copied.ok ? await checkData(channel, copied.data, maxPayloadBytes) : copied
  if (!checked.ok) return { ok: false, id, error: { code: checked.code, message: checked.message } }
  const rest = { ...(key === undefined ? undefined : { key }), ...(tags === undefined ? undefined : { tags }) }
  try {
    const result = await log.publish(channel.log, {
      id,
      scope: 'app',
      publisher: null,
      payload: checked.payload,
      ...(givenId === undefined ? { isUnrepeatable: true } : undefined),
      ...rest,
    })
    return { ok: true, id, ...result }
  } catch (error) {
    const failure = knownFailure(error)
    if (failure === undefined) throw error
    return { ok: false, id, error: failure }
  }
}

/** What clients may not send, the application may not either: other clients would get it. */
const checkFields = ({ name }: Channel, fields: { publicationId: string; key: unknown; tags: unknown }): void => {
  const parsed = parseCommand({ type: 'publish', id: 1, channel: name, data: null, ...fields })
  if (!parsed.ok) throw new TypeError(parsed.message)
}
