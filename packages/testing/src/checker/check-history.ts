import { ChannelLogs } from './channel-logs.js'
import { Findings, type Verdict } from './findings.js'
import type { ChannelFacts, EventOf, History, HistoryEvent } from './history.js'
import { Lateness } from './lateness.js'
import { OwnEcho } from './own-echo.js'
import { contentOf, Publishes } from './publishes.js'
import { Stores } from './stores.js'
import { Stream, type StreamParts } from './stream.js'

export interface CheckOptions {
  /** T of the delivery contract, in milliseconds. Default 10000. */
  readonly deadlineMs?: number
}

const DEFAULT_DEADLINE_MS = 10_000

interface Followed {
  readonly stream: Stream
  readonly lateness: Lateness
}

/**
 * Says which promises of the delivery contract a history breaks, and how often each was put to the test. It knows nothing
 * of the server: only what publishers, subscribers and whoever broke things saw. Throws when the history makes no sense.
 */
export const checkHistory = (history: History, options: CheckOptions = {}): Verdict => {
  const { deadlineMs = DEFAULT_DEADLINE_MS } = options
  const findings = new Findings(history)
  const channels = new Map(history.channels.map((channel) => [channel.name, channel]))
  const stores = new Stores(history)
  const publishes = new Publishes(history, channels, stores, findings)
  const logs = new ChannelLogs(findings)
  const ownEcho = new OwnEcho(history, logs)
  publishes.tell(logs)
  publishes.check()
  tellItems(history, channels, stores, logs)
  followStreams(history, { channels, publishes, stores, logs, ownEcho, findings, deadlineMs })
  checkMemory(history, findings)
  return findings.verdict()
}

/** Tells the logs of all deliveries, in the order they came. */
const tellItems = (
  history: History,
  channels: ReadonlyMap<string, ChannelFacts>,
  stores: Stores,
  logs: ChannelLogs,
): void => {
  const channelOf = new Map<number, ChannelFacts | undefined>()
  for (const event of history.events) {
    if (event.kind === 'subscribe') channelOf.set(event.subscription, channels.get(event.channel))
    if (event.kind !== 'item' || event.hash === undefined) continue
    const channel = channelOf.get(event.subscription)
    if (channel === undefined) continue
    const log = event.run === undefined ? undefined : stores.logOf(channel, event.run)
    logs.add(channel.name, log, contentOf(event), event)
  }
}

interface FollowParts {
  readonly channels: ReadonlyMap<string, ChannelFacts>
  readonly publishes: Publishes
  readonly stores: Stores
  readonly logs: ChannelLogs
  readonly ownEcho: OwnEcho
  readonly findings: Findings
  readonly deadlineMs: number
}

const followStreams = (history: History, parts: FollowParts): void => {
  const followed = new Map<number, Followed>()
  const order: StreamParts['order'] = new Map()
  let calmMs: number | undefined
  for (const event of history.events) {
    if (event.kind === 'calm') {
      calmMs = event.atMs
      for (const { lateness } of followed.values()) lateness.calm(event.atMs)
    } else if (event.kind === 'storm') {
      calmMs = undefined
      for (const { lateness } of followed.values()) lateness.over(event, 'calm')
    } else if (event.kind === 'subscribe') {
      const each = begin(event, parts, order)
      if (calmMs !== undefined) each.lateness.calm(calmMs)
      followed.set(event.subscription, each)
    } else if ('subscription' in event) {
      const each = followed.get(event.subscription)
      if (each === undefined) throw new Error(`subscription ${event.subscription} was never made`)
      follow(each, event)
    }
  }
  const last = history.events.at(-1)
  if (last !== undefined) for (const { lateness } of followed.values()) lateness.over(last, 'calm')
}

const begin = (event: EventOf<'subscribe'>, parts: FollowParts, order: StreamParts['order']): Followed => {
  const channel = parts.channels.get(event.channel)
  if (channel === undefined) throw new Error(`the history does not describe the channel '${event.channel}'`)
  const stream = new Stream({ ...parts, channel, order }, event)
  return { stream, lateness: new Lateness({ ...parts, channel, stream }) }
}

type StreamEvent = Extract<HistoryEvent, { readonly subscription: number }>

const follow = ({ stream, lateness }: Followed, event: StreamEvent): void => {
  switch (event.kind) {
    case 'joined':
      stream.joined(event)
      lateness.joined(event)
      break
    case 'item':
      lateness.item(event)
      stream.item(event)
      break
    case 'gap':
      stream.gap(event)
      break
    case 'caught-up':
      stream.caughtUp(event)
      break
    case 'lost':
    case 'left':
      lateness.over(event, 'joined')
      break
    case 'subscribe':
      break
  }
}

const checkMemory = (history: History, findings: Findings): void => {
  const { maxRssBytes } = history
  if (maxRssBytes === undefined) return
  for (const event of history.events) {
    if (event.kind !== 'memory') continue
    findings.eligible('C6')
    if (event.rssBytes <= maxRssBytes) continue
    const summary = `the node takes ${Math.round(event.rssBytes / 2 ** 20)} MiB`
    findings.violation('C6', 'memory is bounded', summary, [event])
  }
}
