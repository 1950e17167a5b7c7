import type { Codec, Member } from '@tidings/protocol'
import type { MemberChange, PresenceStore, Watch } from '../backend/backend.js'
import type { Outbound } from '../transport/outbound.js'
import { buildDataFrame } from '../transport/frame.js'
import { address } from './encode.js'
import { Shared, type Startable } from './shared.js'

export interface PresenceSubscriber {
  readonly codec: Codec
  readonly sub: number
  readonly outbound: Outbound
}

/** One channel's members on this node, pushed to the subscriptions that asked for them. */
export class PresenceFeed implements Startable {
  readonly channel: string
  readonly #store: PresenceStore
  readonly #members = new Map<string, Member>()
  /** true: its connection was full, and it will be sent everyone anew. */
  readonly #subscribers = new Map<PresenceSubscriber, boolean>()
  #watch: Watch | undefined
  #stopped = false

  constructor(channel: string, store: PresenceStore) {
    this.channel = channel
    this.#store = store
  }

  async start(): Promise<void> {
    const early: (() => void)[] = []
    let tell = (change: MemberChange, member: Member): void => void early.push(() => this.#changed(change, member))
    const watch = await this.#store.watch(this.channel, (change, member) => tell(change, member))
    this.#watch = watch
    if (this.#stopped) watch.stop()
    for (const member of watch.members) this.#members.set(member.member, member)
    for (const change of early) change()
    tell = (change, member) => this.#changed(change, member)
  }

  stop(): void {
    this.#stopped = true
    this.#watch?.stop()
  }

  /** Sends everyone present, then every change, until `remove`. Returns the bytes that it sent. */
  add(subscriber: PresenceSubscriber): number {
    return this.#sendAll(subscriber)
  }

  remove(subscriber: PresenceSubscriber): void {
    this.#subscribers.delete(subscriber)
  }

  #sendAll(subscriber: PresenceSubscriber): number {
    const { outbound, sub } = subscriber
    this.#subscribers.set(subscriber, outbound.isBehind)
    if (outbound.isBehind) {
      this.#sendAllLater(subscriber)
      return 0
    }
    return outbound.send({ type: 'members', ...address(this.channel, sub), members: [...this.#members.values()] })
  }

  #changed(change: MemberChange, member: Member): void {
    if (change === 'left') this.#members.delete(member.member)
    else this.#members.set(member.member, member)
    const frames = new Map<string, Buffer>()
    for (const [subscriber, stale] of this.#subscribers) {
      if (stale) continue
      if (subscriber.outbound.isBehind) {
        this.#sendAll(subscriber)
        continue
      }
      const key = `${subscriber.codec.subprotocol} ${subscriber.sub}`
      let frame = frames.get(key)
      if (frame === undefined) {
        const push = { type: 'member', ...address(this.channel, subscriber.sub), change, member }
        frame = buildDataFrame(subscriber.codec.encode(push))
        frames.set(key, frame)
      }
      subscriber.outbound.write(frame)
    }
  }

  /** Changes are not queued for a full connection: everyone present is sent once it drains. */
  #sendAllLater(subscriber: PresenceSubscriber): void {
    subscriber.outbound.whenRead(() => {
      if (!this.#stopped && this.#subscribers.has(subscriber)) this.#sendAll(subscriber)
    })
  }
}

/** The node's presence feeds: one a channel, while any subscription wants it. */
export class PresenceFeeds {
  readonly #feeds: Shared<string, PresenceFeed>

  constructor(store: PresenceStore) {
    this.#feeds = new Shared(
      (channel) => channel,
      (channel) => new PresenceFeed(channel, store),
    )
  }

  /** The channel's feed, started. Give it back with `release`. Rejects with BackendError. */
  acquire(channel: string): Promise<PresenceFeed> {
    return this.#feeds.acquire(channel)
  }

  release(feed: PresenceFeed): void {
    this.#feeds.release(feed.channel, feed)
  }

  close(): void {
    this.#feeds.stopAll()
  }
}
