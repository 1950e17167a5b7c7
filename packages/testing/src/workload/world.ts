import { createClient, type Client } from '@tidings/client'
import type { Codec } from '@tidings/protocol'
import type { Random } from '../random.js'
import type { Recorder } from '../recorder/recorder.js'
import type { ProxiedConnection } from '../proxy/proxied-connection.js'
import { ClientLink, type RunOf } from './client-link.js'

/** What every actor of a workload gets. */
export interface World {
  readonly url: string
  readonly recorder: Recorder
  readonly runOf: RunOf
  /** The connection of the client with this port, as the proxy has it. */
  connectionOf(clientPort: number): ProxiedConnection | undefined
  readonly maxPayloadBytes: number
  /** Something happened that no fault explains, such as a subscription that was refused. */
  fail(what: string): void
  /** An actor's own source of choices, so that they do not depend on what others do. */
  random(name: string): Random
}

/** Somebody who reads a channel until told to leave. */
export interface Subscriber {
  readonly name: string
  readonly channel: string
  /** The ids of markers that it was given so far. */
  readonly markers: ReadonlySet<string>
  leave(): void
}

/** Somebody who publishes until told to stop. */
export interface Publisher {
  /** Publishes nothing new while it rests. */
  rest(isResting: boolean): void
  /** How many are not settled yet. */
  readonly unsettled: number
  /** Its own port of its connection. */
  readonly clientPort: number
  /** For good: what is not settled by now has an unknown outcome. */
  stop(): void
}

/** Publications with such ids are published while things are calm, to see who is there. */
export const MARKER_PREFIX = 'marker-'

/** A number from a text, to begin a sequence with. */
export const seedOf = (seed: number, name: string): number => {
  let mixed = seed >>> 0
  for (let index = 0; index < name.length; index += 1)
    mixed = Math.imul(mixed ^ name.charCodeAt(index), 0x01000193) >>> 0
  return mixed
}

export const oneOf = <Item>(random: Random, items: readonly [Item, ...Item[]]): Item =>
  items[Math.floor(random.next() * items.length)] ?? items[0]

/** A whole number of this range, both ends included. */
export const between = (random: Random, min: number, max: number): number =>
  min + Math.floor(random.next() * (max - min + 1))

export interface LinkedClient {
  readonly client: Client
  readonly link: ClientLink
}

/** An SDK client that comes back soon, and its link. */
export const openClient = (
  { url, runOf, recorder }: World,
  name: string,
  options: { readonly user?: string; readonly codec?: Codec; readonly maxBufferedItems?: number } = {},
): LinkedClient => {
  const link = new ClientLink(name, runOf, () => recorder.nowMs)
  const { user = name, codec, maxBufferedItems } = options
  const client = createClient({
    url,
    token: user,
    WebSocket: link.WebSocket,
    backoff: { minMs: 20, maxMs: 200 },
    ...(codec === undefined ? undefined : { codec }),
    ...(maxBufferedItems === undefined ? undefined : { maxBufferedItems }),
  })
  return { client, link }
}
