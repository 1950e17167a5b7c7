import { SharedSubscription, type SubscriptionPush } from './shared-subscription.js'
import type { Siblings, SubscriptionLink } from './subscription-link.js'
import type { ChannelSubscription } from './subscription.js'
import { errorOf, type Failure, failed } from './tidings-error.js'

/** PROTOCOL_LIMITS.maxSub; the table of limits would be too large for a browser's bundle. */
const MAX_SUB = 15

const USER_CHANGED = failed('user-changed', 'it was of a user who was revoked; another one is connected').error

/** A client's subscriptions, and those of the session that feed them. */
export class Subscriptions implements Siblings {
  readonly #link: SubscriptionLink
  readonly #open = new Set<ChannelSubscription>()
  /** Those of a user who was revoked. */
  readonly #held = new Set<ChannelSubscription>()
  readonly #shared = new Map<string, Set<SharedSubscription>>()

  constructor(link: SubscriptionLink) {
    this.#link = link
  }

  /** Finds the reader a shared subscription that is where it wants to go on, or makes one. */
  feed(reader: ChannelSubscription): void {
    this.#open.add(reader)
    const { channel } = reader
    const all = this.#of(channel)
    for (const shared of all) {
      if (shared.fits(reader)) {
        shared.add(reader)
        return
      }
    }
    const shared = new SharedSubscription(this.#link, this, reader)
    this.#shared.set(channel, all.add(shared))
    shared.add(reader)
    shared.join()
  }

  ended(reader: ChannelSubscription): void {
    this.#open.delete(reader)
    this.#held.delete(reader)
  }

  join(): void {
    for (const all of this.#shared.values()) for (const shared of all) shared.join()
  }

  lost(): void {
    for (const all of this.#shared.values()) for (const shared of all) shared.lost()
  }

  push(message: SubscriptionPush): void {
    for (const shared of this.#of(message.channel)) {
      if (shared.sub === (message.sub ?? 0)) {
        shared.push(message)
        return
      }
    }
  }

  /** Ends all, without an error if they only close. */
  close(failure: Failure | undefined): void {
    for (const reader of this.#open) {
      if (failure) reader.end(failure)
      else reader.unsubscribe()
    }
  }

  /** All wait until it is known who connects next. */
  hold(failure: Failure): void {
    for (const reader of this.#open) {
      this.#held.add(reader)
      reader.follow('waiting', undefined, errorOf(failure))
    }
  }

  /** They go on if the same user connected, and end if it is another one. */
  letGo(isSameUser: boolean): void {
    for (const reader of isSameUser ? [] : this.#held) reader.end(USER_CHANGED)
    this.#held.clear()
  }

  // ── as shared subscriptions see it

  freeSub(channel: string): number | undefined {
    const taken = [...this.#of(channel)].map(({ sub }) => sub)
    for (let sub = 0; sub <= MAX_SUB; sub++) if (!taken.includes(sub)) return sub
    return undefined
  }

  moved(moved: SharedSubscription): void {
    let isFirst = false
    for (const other of this.#of(moved.channel)) {
      isFirst ||= other === moved
      if (isFirst) moved.absorb(other)
      else if (other.absorb(moved)) return
    }
  }

  released(shared: SharedSubscription): void {
    const all = this.#of(shared.channel)
    all.delete(shared)
    if (all.size === 0) this.#shared.delete(shared.channel)
    // Another one may wait for the number.
    for (const other of all) other.join()
  }

  #of(channel: string): Set<SharedSubscription> {
    return this.#shared.get(channel) ?? new Set()
  }
}
