import type { Client, SubscribeOptions, SubscriptionItem } from '@tidings/client'
import type { Codec } from '@tidings/protocol'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../random.js'
import type { NewEvent } from '../checker/history.js'
import type { ClientLink } from './client-link.js'
import { hashOf } from './payload.js'
import { between, type LinkedClient, MARKER_PREFIX, openClient, type Subscriber, type World } from './world.js'

export interface SdkSubscriberOptions {
  readonly name: string
  readonly channel: string
  readonly codec?: Codec
  readonly rewind?: number
  /** It asks for everything that is kept. */
  readonly wholeLog?: boolean
  /** The application takes items slowly, from a small buffer. */
  readonly isSlow?: boolean
  /** A client that others use too. Default: one of its own. */
  readonly via?: LinkedClient
}

const EVERYTHING = 1_000_000
const SLOW_BUFFER = 15

/** An application's subscription over the SDK. */
export class SdkSubscriber implements Subscriber {
  readonly name: string
  readonly channel: string
  readonly markers = new Set<string>()
  readonly #world: World
  readonly #client: Client
  readonly #link: ClientLink
  readonly #subscription: number
  readonly #random: Random
  #end: () => void
  #hasLeft = false

  constructor(world: World, options: SdkSubscriberOptions) {
    const { name, channel, codec, rewind, wholeLog = false, isSlow = false, via } = options
    this.name = name
    this.channel = channel
    this.#world = world
    this.#random = world.random(name)
    const own = {
      ...(codec === undefined ? undefined : { codec }),
      ...(isSlow ? { maxBufferedItems: SLOW_BUFFER } : undefined),
    }
    const { client, link } = via ?? openClient(world, name, own)
    this.#end = () => client.close()
    this.#client = client
    this.#link = link
    this.#subscription = world.recorder.nextSubscription()
    const how = `${codec?.subprotocol ?? 'json'}${isSlow ? ', slow' : ''}${wholeLog ? ', whole log' : ''}`
    world.recorder.record({
      kind: 'subscribe',
      subscription: this.#subscription,
      channel,
      client: link.name,
      how,
      wholeLog,
    })
    const start = wholeLog ? { rewind: EVERYTHING } : rewind === undefined ? {} : { rewind }
    if (isSlow) this.#iterate(start).catch((error: unknown) => this.#failed(error))
    else this.#listen(start, via !== undefined)
  }

  leave(): void {
    if (this.#hasLeft) return
    this.#hasLeft = true
    this.#record({ kind: 'left', subscription: this.#subscription })
    this.#end()
  }

  #record(event: NewEvent): void {
    this.#world.recorder.record(event)
  }

  #listen(options: SubscribeOptions, isShared: boolean): void {
    const subscription = this.#client.channel(this.channel).subscribe(options)
    if (isShared) this.#end = subscription.unsubscribe.bind(subscription)
    subscription.on('state', ({ state, error }) => {
      if (this.#hasLeft) return
      if (state === 'catching-up') {
        const { position } = subscription
        const { run, openedMs } = this.#link
        this.#record({
          kind: 'joined',
          subscription: this.#subscription,
          askedMs: openedMs,
          ...(run === undefined ? undefined : { run }),
          ...(position === undefined ? undefined : { position }),
        })
      } else if (state !== 'live') {
        this.#record({ kind: 'lost', subscription: this.#subscription })
      }
      if (error !== undefined) this.#failed(error)
    })
    subscription.on('caught-up', ({ position }) => {
      if (!this.#hasLeft) this.#record({ kind: 'caught-up', subscription: this.#subscription, position })
    })
    subscription.on('item', (item) => this.#item(item, this.#link.run))
  }

  #failed(error: unknown): void {
    this.#world.fail(`the subscription of ${this.name} to ${this.channel} ended: ${String(error)}`)
  }

  async #iterate(options: SubscribeOptions): Promise<void> {
    for await (const item of this.#client.channel(this.channel).subscribe(options)) {
      if (this.#hasLeft) return
      this.#item(item, undefined)
      if (this.#random.chance(0.03)) await sleep(between(this.#random, 1, 300))
    }
  }

  #item(item: SubscriptionItem, run: number | undefined): void {
    if (this.#hasLeft) return
    if (item.kind === 'gap') {
      const { from, to, reason, missed } = item
      this.#record({ kind: 'gap', subscription: this.#subscription, from, to, reason, missed })
      return
    }
    const { offset, position, id, publisher, time, data, key } = item
    if (id.startsWith(MARKER_PREFIX)) this.markers.add(id)
    this.#record({
      kind: 'item',
      subscription: this.#subscription,
      offset,
      position,
      id,
      publisher: publisher ?? '',
      hash: hashOf(data, key),
      time,
      ...(run === undefined ? undefined : { run }),
    })
  }
}
