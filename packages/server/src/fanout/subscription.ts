import type { Gap, SlowPolicy } from '@tidings/protocol'
import type { Cursor, Log, StoredPublication } from '../backend/backend.js'
import type { Outbound } from '../transport/outbound.js'
import { catchUp } from './catch-up.js'
import { address, type BatchFrame, gapFrame, publicationFrames, type Variant } from './encode.js'
import type { Feed, LiveSubscription } from './feed.js'

export interface SubscriptionParts {
  readonly feed: Feed
  readonly log: Log
  readonly variant: Variant
  readonly outbound: Outbound
  readonly policy: SlowPolicy
  readonly owner: SubscriptionOwner
  readonly pages: PageReads
}

/** Decides when a page may be read and sent. */
export interface PageReads {
  /** Runs `read`, which must not reject and resolves to the bytes that it sent. Resolves once it is done. */
  run(read: () => Promise<number>): Promise<void>
}

/** The session that the subscription belongs to. */
export interface SubscriptionOwner {
  readonly id: string
  /** It fell behind with the policy `disconnect`. */
  disconnectSlow(): void
}

/**
 * One session's interest in one channel. It is either live (the feed hands it every batch) or behind: then nothing is
 * queued for it, and it reads the log from its own cursor when the connection can take more.
 */
export class Subscription implements LiveSubscription {
  readonly variant: Variant
  readonly feed: Feed
  readonly log: Log
  readonly pages: PageReads
  readonly #outbound: Outbound
  readonly #policy: SlowPolicy
  readonly #owner: SubscriptionOwner
  #cursor: Cursor
  #ended = false
  #announced = false

  /** `cursor` is where it starts; nothing happens before `start`. */
  constructor(parts: SubscriptionParts, cursor: Cursor) {
    this.variant = parts.variant
    this.feed = parts.feed
    this.log = parts.log
    this.pages = parts.pages
    this.#outbound = parts.outbound
    this.#policy = parts.policy
    this.#owner = parts.owner
    this.#cursor = cursor
  }

  get session(): string {
    return this.#owner.id
  }

  hasEnded(): boolean {
    return this.#ended
  }

  get outbound(): Outbound {
    return this.#outbound
  }

  /** Where it is while it is behind. */
  get cursor(): Cursor {
    return this.#cursor
  }

  /** Gives everything after the cursor, then goes live. Call it after `subscribed` was sent. */
  start(): void {
    if (this.#ended) return
    if (this.#cursor === this.feed.cursor) this.goLive()
    else void catchUp(this)
  }

  end(): void {
    this.#ended = true
    this.feed.leave(this)
  }

  deliver(frames: readonly BatchFrame[]): void {
    let end: Cursor = this.feed.cursor
    let told = this.feed.told
    for (const frame of frames) {
      if (this.#policy === 'catch-up' ? this.#outbound.hasEnough : this.#outbound.isBehind) {
        this.#fallBehind({ position: end.position, offset: end.offset }, told)
        return
      }
      this.#write(frame)
      end = frame.end
      told += frame.count
    }
  }

  /** A large frame goes in parts to a connection that reads slowly, or of which that is not known yet. */
  #write({ bytes, parts }: BatchFrame): void {
    if (parts === undefined || !this.#outbound.wantsSmallFrames) this.#outbound.write(bytes)
    else for (const part of parts()) this.#outbound.write(part)
  }

  /** `told`: the feed's count at the cursor. */
  #fallBehind(cursor: Cursor, told: number): void {
    this.feed.leave(this)
    this.#cursor = cursor
    if (this.#policy === 'disconnect') this.#owner.disconnectSlow()
    else if (this.#policy === 'skip') this.#skip(told)
    else void catchUp(this)
  }

  /** Nothing is queued until the connection drains; then one gap stands for all that went by. */
  #skip(toldBefore: number): void {
    const gapsBefore = this.feed.gapsTold
    this.#outbound.whenRead(() => {
      if (this.#ended) return
      const to = this.feed.cursor
      // A gap that went by stands for publications that nobody counted. Otherwise at least one went by: the one that did not fit.
      const missed = this.feed.gapsTold === gapsBefore ? this.feed.told - toldBefore : null
      this.pushGap({ from: this.#cursor.position, to: to.position, reason: 'skipped', missed }, to)
      this.goLive()
    })
  }

  // ── what catching up does with it

  /** `session`: this one's if some of them are muted for it. Returns the bytes that it sent, as the next two do. */
  pushPublications(publications: readonly StoredPublication[], session: string | undefined): number {
    return this.pushFrames(publicationFrames(this.variant, this.feed.channel.name, publications, session))
  }

  pushFrames(frames: readonly BatchFrame[]): number {
    let sentBytes = 0
    for (const frame of frames) {
      this.#write(frame)
      sentBytes += frame.bytes.length
      this.#cursor = frame.end
    }
    return sentBytes
  }

  pushGap(gap: Gap, to: Cursor): number {
    const frame = gapFrame(this.variant, this.feed.channel.name, gap)
    this.#outbound.write(frame)
    this.#cursor = to
    return frame.length
  }

  moveTo(cursor: Cursor): void {
    this.#cursor = cursor
  }

  /** Only when the cursor is the feed's: from here the feed gives what comes next. */
  goLive(): void {
    this.feed.join(this)
    if (this.#announced) return
    this.#announced = true
    const { name } = this.feed.channel
    this.#outbound.send({ type: 'caught-up', ...address(name, this.variant.sub), position: this.feed.cursor.position })
  }
}
