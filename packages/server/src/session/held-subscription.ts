import type { Refusal } from '../access/access.js'
import type { Feed } from '../fanout/feed.js'
import type { Hub } from '../fanout/hub.js'
import type { PresenceFeed, PresenceFeeds, PresenceSubscriber } from '../fanout/presence-feed.js'
import type { Subscription } from '../fanout/subscription.js'
import type { Action } from '../options.js'

/** Where a subscription gets what it holds, and gives it back. */
export interface Sources {
  readonly hub: Hub
  readonly presence: PresenceFeeds
}

/** A session's place for one subscription, from the command that asks for it until it ends. */
export class HeldSubscription {
  readonly channel: string
  /** The rights that it needs as long as it lasts. */
  readonly actions: readonly Action[]
  /** Whether the client knows that it has begun. */
  begun = false
  /** undefined while it is being set up. */
  subscription: Subscription | undefined
  /** While it is being set up; resolves once it is, or has failed. The session's publishes that follow wait for it. */
  settled: Promise<unknown> | undefined
  readonly #key: string
  readonly #sources: Sources
  readonly #held: Map<string, HeldSubscription>
  #feed: Feed | undefined
  #presence: { readonly feed: PresenceFeed; readonly subscriber: PresenceSubscriber } | undefined
  #ended = false
  #refusal: Refusal | undefined

  /** Holds its place in `held` from now on, so that an unsubscribe that follows at once finds it. */
  constructor(
    channel: string,
    actions: readonly Action[],
    key: string,
    held: Map<string, HeldSubscription>,
    sources: Sources,
  ) {
    this.channel = channel
    this.actions = actions
    this.#key = key
    this.#held = held
    this.#sources = sources
    held.set(key, this)
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Why the server ended it, if that was its doing. */
  get refusal(): Refusal | undefined {
    return this.#refusal
  }

  /** It gives the feed back when it ends; at once if it has ended while somebody waited for the feed. */
  takeFeed(feed: Feed): void {
    if (this.#ended) this.#sources.hub.release(feed)
    else this.#feed = feed
  }

  takePresence(feed: PresenceFeed, subscriber: PresenceSubscriber): void {
    if (this.#ended) this.#sources.presence.release(feed)
    else this.#presence = { feed, subscriber }
  }

  /** Returns the bytes that it sent. */
  startPresence(): number {
    return this.#presence?.feed.add(this.#presence.subscriber) ?? 0
  }

  end(refusal?: Refusal): void {
    if (this.#ended) return
    this.#ended = true
    this.#refusal = refusal
    if (this.#presence !== undefined) {
      this.#presence.feed.remove(this.#presence.subscriber)
      this.#sources.presence.release(this.#presence.feed)
      this.#presence = undefined
    }
    this.subscription?.end()
    if (this.#feed !== undefined) this.#sources.hub.release(this.#feed)
    if (this.#held.get(this.#key) === this) this.#held.delete(this.#key)
  }
}
