import type { ChannelDefinition } from '@tidings/contract'
import type { HistoryReply } from '@tidings/protocol'
import type { Asks } from './asks.js'
import { checkTexts, sizedCopy } from './plain-data.js'
import type { PublishQueue } from './publish-queue.js'
import { randomId } from './random-id.js'
import { type FailedResult, failed } from './tidings-error.js'
import type {
  Channel,
  ChannelPresence,
  HistoryPage,
  PublishOptions,
  PublishResult,
  SubscribeOptions,
  Subscription,
} from './types.js'

/** The client, as a channel sees it. */
export interface ChannelLink {
  readonly asks: Asks
  readonly publishes: PublishQueue
  /** Connects when nothing did yet; a failure once the client was closed. Throws TidingsError `no-websocket`. */
  begin(): FailedResult | undefined
  subscribe(channel: string, options: SubscribeOptions): Subscription
  presence(channel: string): ChannelPresence
}

/** Only schemas that answer at once are asked here; the server asks all. */
const schemaProblem = (schema: ChannelDefinition['data'], data: unknown): string | undefined => {
  const result = schema?.['~standard'].validate(data)
  if (result instanceof Promise) result.catch(() => undefined)
  else if (result?.issues) return result.issues.map(({ message }) => message).join('; ')
  return undefined
}

const page = ({ publications, gap, position, more }: HistoryReply): HistoryPage => ({
  ok: true,
  items: publications.map((publication) => ({ kind: 'publication', ...publication })),
  gap: gap ? { kind: 'gap', ...gap } : null,
  position,
  more,
})

export const createChannel = (
  link: ChannelLink,
  channel: string,
  definition: ChannelDefinition | undefined,
): Channel => {
  const publish = (data: unknown, options: PublishOptions, publicationId: string): Promise<PublishResult> => {
    const { key, tags, echo, signal } = options
    const copy = sizedCopy(data)
    checkTexts({ id: publicationId, key })
    checkTexts(tags)
    const problem = schemaProblem(definition?.data, copy.data)
    const over = problem === undefined ? link.begin() : failed('invalid-data', problem)
    if (over) return Promise.resolve(over)
    const command = {
      type: 'publish',
      channel,
      data: copy.data,
      publicationId,
      key,
      tags: tags && { ...tags },
      echo,
    } as const
    return link.publishes.add(command, copy.bytes, signal, echo === false && options.id === undefined)
  }

  return {
    name: channel,
    presence: link.presence(channel),
    subscribe: (options = {}) => {
      checkTexts({ from: options.from })
      return link.subscribe(channel, options)
    },
    publish: (data, options = {}) => {
      const id = options.id ?? randomId()
      const result = publish(data, options, id)
      return { id, then: (...callbacks) => result.then(...callbacks) }
    },
    history: ({ direction, from, at, limit, signal } = {}) => {
      checkTexts({ from })
      const command = { type: 'history', channel, direction, from, at, limit } as const
      return link.asks.ask('history', command, signal).then((reply) => ('ok' in reply ? reply : page(reply)))
    },
  }
}
