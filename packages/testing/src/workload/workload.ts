import type { Client } from '@tidings/client'
import { jsonCodec, type SlowPolicy } from '@tidings/protocol'
import { msgpackCodec } from '@tidings/protocol/msgpack'
import type { Random } from '../random.js'
import type { ChannelFacts } from '../checker/history.js'
import type { ClientLink } from './client-link.js'
import { HeldRepeats } from './held-repeats.js'
import { HistoryReader } from './history-reader.js'
import { randomData } from './payload.js'
import { RawPublisher, type Recent } from './raw-publisher.js'
import { RawSubscriber } from './raw-subscriber.js'
import { recordPublish, SdkPublisher } from './sdk-publisher.js'
import { SdkSubscriber } from './sdk-subscriber.js'
import { between, type LinkedClient, MARKER_PREFIX, oneOf, openClient, type Subscriber, type World } from './world.js'

const PER_CHANNEL = 5
const CHURN_MS = 250
const TALK_MS = 50
const MAX_UNSETTLED = 20
const MAX_SLEEP_MS = 3000
const CODECS = [jsonCodec, msgpackCodec] as const
const POLICIES = [undefined, 'catch-up', 'skip', 'disconnect'] as const satisfies readonly (SlowPolicy | undefined)[]

const SDK_PUBLISHERS = [
  { name: 'sdk-1', user: 'ann', codec: jsonCodec, perSecond: 40 },
  { name: 'sdk-2', user: 'bob', codec: msgpackCodec, perSecond: 40 },
] as const
/** Two of them are two clients of one user. */
const RAW_PUBLISHERS = [
  { name: 'raw-1', user: 'cleo', codec: jsonCodec, perSecond: 25 },
  { name: 'raw-2', user: 'cleo', codec: msgpackCodec, perSecond: 25 },
] as const

/** Clients whose repeats are held up, where publication ids are remembered for a brief window. */
const HELD_REPEATS = ['held-1', 'held-2', 'held-3', 'held-4', 'held-5', 'held-6'] as const

export interface WorkloadOptions {
  readonly channels: readonly [ChannelFacts, ...ChannelFacts[]]
  /** Repeats are held up until the server may have forgotten their ids: present where that takes seconds. */
  readonly onHeld?: () => void
}

/** Publishers and subscribers on every channel, who join, leave, sleep and come back as the seed says. */
export class Workload {
  readonly #world: World
  readonly #random: Random
  readonly #channels: readonly [ChannelFacts, ...ChannelFacts[]]
  readonly #publishers: { readonly sdk: readonly SdkPublisher[]; readonly raw: readonly RawPublisher[] }
  readonly #historyReader: HistoryReader
  readonly #heldRepeats: readonly HeldRepeats[]
  readonly #marker: { readonly client: Client; readonly link: ClientLink; readonly user: string }
  /** Clients with subscriptions to many channels. */
  readonly #shared: readonly [LinkedClient, ...LinkedClient[]]
  readonly #churn: NodeJS.Timeout
  readonly #talk: NodeJS.Timeout
  #subscribers: Subscriber[] = []
  #names = 0
  #markers = 0
  #isResting = false
  /** Publishes of the clients that share subscriptions, not settled yet. */
  #unsettled = 0

  constructor(world: World, { channels, onHeld }: WorkloadOptions) {
    const names = channels.map(({ name }) => name) as [string, ...string[]]
    const recent: Recent = []
    this.#world = world
    this.#random = world.random('workload')
    this.#channels = channels
    this.#publishers = {
      // An application that asks for the same twice may have the second one sent when the first one's id is forgotten.
      sdk: SDK_PUBLISHERS.map(
        (options) => new SdkPublisher(world, { ...options, channels: names, repeats: onHeld === undefined }),
      ),
      raw: RAW_PUBLISHERS.map((options) => new RawPublisher(world, { ...options, channels: names, recent })),
    }
    const kept = channels.filter(({ durability }) => durability !== 'none').map(({ name }) => name)
    this.#historyReader = new HistoryReader(world, 'historian', kept as [string, ...string[]])
    const { dedupeWindowMs } = channels[0]
    const held = onHeld === undefined ? [] : HELD_REPEATS.map((name) => ({ name, onHeld }))
    this.#heldRepeats = held.map((each) => new HeldRepeats(world, { ...each, channels: names, dedupeWindowMs }))
    this.#shared = [openClient(world, 'tab-1'), openClient(world, 'tab-2', { codec: msgpackCodec })]
    this.#marker = { ...openClient(world, 'marker'), user: 'marker' }
    for (const { name } of channels) for (let count = 0; count < PER_CHANNEL; count += 1) this.#join(name, count)
    this.#churn = setInterval(() => this.#change(), CHURN_MS)
    this.#talk = setInterval(() => this.#speak(), TALK_MS)
  }

  get subscribers(): readonly Subscriber[] {
    return this.#subscribers
  }

  /** Publishes that are not settled. */
  get unsettled(): number {
    const publishers = [...this.#publishers.sdk, ...this.#publishers.raw]
    return publishers.reduce((sum, { unsettled }) => sum + unsettled, this.#unsettled)
  }

  /** The ports of clients that publish and subscribe to nothing. */
  get publisherPorts(): ReadonlySet<number> {
    return new Set([...this.#publishers.sdk, ...this.#publishers.raw].map(({ clientPort }) => clientPort))
  }

  rest(isResting: boolean): void {
    this.#isResting = isResting
    for (const publisher of [...this.#publishers.sdk, ...this.#publishers.raw]) publisher.rest(isResting)
  }

  /** Publishes one that everybody should get on every channel. Returns its id. */
  mark(): string {
    this.#markers += 1
    const id = `${MARKER_PREFIX}${this.#markers}`
    for (const { name } of this.#channels) {
      void recordPublish(this.#world.recorder, this.#marker, { channel: name, data: this.#markers, id })
    }
    return id
  }

  /** Every subscriber on the wire protocol publishes once, and will not try again. */
  speakAll(): void {
    for (const subscriber of this.#subscribers) if (subscriber instanceof RawSubscriber) subscriber.speak()
  }

  /** New subscribers that ask for everything that the channels keep, over the SDK and raw. */
  readAll(): readonly Subscriber[] {
    const kept = this.#channels.filter(({ durability }) => durability !== 'none')
    const readers = kept.flatMap(({ name: channel }): Subscriber[] => [
      new SdkSubscriber(this.#world, { name: this.#name('all-sdk'), channel, wholeLog: true }),
      new RawSubscriber(this.#world, { name: this.#name('all-raw'), channel, codec: jsonCodec, wholeLog: true }),
    ])
    this.#subscribers.push(...readers)
    return readers
  }

  leave(subscriber: Subscriber): void {
    subscriber.leave()
    this.#subscribers = this.#subscribers.filter((other) => other !== subscriber)
  }

  /** For good. */
  stop(): void {
    clearInterval(this.#churn)
    clearInterval(this.#talk)
    for (const publisher of [...this.#publishers.sdk, ...this.#publishers.raw]) publisher.stop()
    this.#marker.client.close()
    for (const { client } of this.#shared) client.close()
    this.#historyReader.stop()
    for (const each of this.#heldRepeats) each.stop()
    for (const subscriber of this.#subscribers) subscriber.leave()
  }

  #name(kind: string): string {
    this.#names += 1
    return `${kind}-${this.#names}`
  }

  #join(channel: string, kind: number): void {
    const codec = oneOf(this.#random, CODECS)
    if (kind <= 1) {
      const rewind = this.#random.chance(0.5) ? { rewind: between(this.#random, 1, 50) } : {}
      const isKept = !channel.startsWith('live:')
      const via = this.#random.chance(0.5) ? { via: oneOf(this.#random, this.#shared) } : undefined
      const options = { name: this.#name('sdk'), channel, codec, ...(isKept ? rewind : undefined), ...via }
      this.#subscribers.push(new SdkSubscriber(this.#world, options))
    } else if (kind === 2) {
      const options = { name: this.#name('slow'), channel, codec, isSlow: true }
      this.#subscribers.push(new SdkSubscriber(this.#world, options))
    } else {
      const policy = oneOf(this.#random, POLICIES)
      const options = { name: this.#name('raw'), channel, codec, ...(policy === undefined ? undefined : { policy }) }
      this.#subscribers.push(new RawSubscriber(this.#world, options))
    }
  }

  /** Somebody who subscribes publishes as well, and does not want to hear it. */
  #speak(): void {
    if (this.#isResting) return
    const subscriber = this.#subscribers[between(this.#random, 0, this.#subscribers.length - 1)]
    if (subscriber instanceof RawSubscriber) subscriber.speak()
    const tab = oneOf(this.#random, this.#shared)
    if (this.#unsettled >= MAX_UNSETTLED || !this.#random.chance(0.3)) return
    const { name: channel } = oneOf(this.#random, this.#channels)
    const data = randomData(this.#random, this.#world.maxPayloadBytes)
    this.#unsettled += 1
    void recordPublish(this.#world.recorder, { ...tab, user: tab.link.name }, { channel, data }).then(() => {
      this.#unsettled -= 1
    })
  }

  /** Somebody leaves and another one comes, sleeps, comes back, or is replaced. */
  #change(): void {
    const subscriber = this.#subscribers[between(this.#random, 0, this.#subscribers.length - 1)]
    if (subscriber === undefined) return
    if (this.#random.chance(0.2)) {
      this.leave(subscriber)
      this.#join(subscriber.channel, between(this.#random, 0, PER_CHANNEL - 1))
    } else if (this.#random.chance(0.1)) {
      const { sdk } = this.#publishers
      sdk[between(this.#random, 0, sdk.length - 1)]?.replace()
    } else if (subscriber instanceof RawSubscriber) {
      if (this.#random.chance(0.3)) subscriber.rejoin()
      else if (this.#random.chance(0.5)) subscriber.sleep(between(this.#random, 10, MAX_SLEEP_MS))
      else void subscriber.stopReading(between(this.#random, 10, MAX_SLEEP_MS))
    }
  }
}
