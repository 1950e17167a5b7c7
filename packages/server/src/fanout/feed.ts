import { setImmediate as endOfTurn } from 'node:timers/promises'
import type { Gap } from '@tidings/protocol'
import type { Cursor, Log, LogChannel, LogListener, Page, StoredPublication, Watch } from '../backend/backend.js'
import type { Deferred, Turn } from '../transport/turn.js'
import { type BatchFrame, gapFrame, publicationFrames, sessionsMutedIn, type Variant } from './encode.js'
import { RetryDelay } from './retry-delay.js'
import { SharedPages } from './shared-pages.js'

/** One session's interest in the feed's channel, while it is live. */
export interface LiveSubscription {
  readonly variant: Variant
  /** The session that it belongs to. */
  readonly session: string
  /** `frames` hold everything after the feed's `cursor`, which moves when all have been told. Must not throw. */
  deliver(frames: readonly BatchFrame[]): void
}

/** What waits for the end of the turn, in log order. */
type Item = { readonly publication: StoredPublication } | { readonly gap: Gap; readonly end: Cursor }

const READ_LIMIT = 500
const READ_BYTES = 262_144

/**
 * One channel's live order on this node. The backend's notices are hints: the feed moves on only along an unbroken order,
 * drops what it has, and reads the log where a notice shows a hole or the backend suspects one.
 *
 * At the end of a turn everything new becomes one batch, built once per variant and handed to each live subscription.
 */
export class Feed implements LogListener, Deferred {
  readonly channel: LogChannel
  /** For those who catch up; only as good as the feed's cursor and epoch. */
  readonly pages: SharedPages
  readonly #log: Log
  readonly #account: string | undefined
  readonly #turn: Turn
  readonly #live = new Map<Variant, Set<LiveSubscription>>()
  /** What every live subscription has been given. */
  #cursor: Cursor = { position: '', offset: 0 }
  /** The cursor once the queue is told. */
  #head: Cursor | undefined
  #queue: Item[] = []
  #told = 0
  #gapsTold = 0
  #epochChanges = 0
  #watch: Watch | undefined
  #repairing: Promise<void> | undefined
  #repairAgain = false
  #stopped = false

  /** `account`: who asked first. */
  constructor(channel: LogChannel, log: Log, turn: Turn, account?: string) {
    this.#account = account
    this.channel = channel
    this.pages = new SharedPages(channel, log)
    this.#log = log
    this.#turn = turn
  }

  /** Watches the log, then takes its tail as the start. Rejects with BackendError; then it must be stopped. */
  async start(): Promise<void> {
    this.#watch = await this.#log.watch(this.channel, this, this.#account)
    if (this.#stopped) this.#watch.stop()
    const [tail] = await this.#log.tails([this.channel])
    if (tail === undefined) throw new Error('the log gave no tail')
    this.#cursor = tail
    this.#head = tail
    if (this.#repairAgain) void this.repair()
  }

  stop(): void {
    this.#stopped = true
    this.#watch?.stop()
    this.pages.clear()
    this.#queue = []
  }

  get cursor(): Cursor {
    return this.#cursor
  }

  /** Publications told to live subscriptions so far. */
  get told(): number {
    return this.#told
  }

  /** Gaps told to live subscriptions so far. */
  get gapsTold(): number {
    return this.#gapsTold
  }

  /** How often the log lost its identity under this feed: offsets from before and after cannot be compared. */
  get epochChanges(): number {
    return this.#epochChanges
  }

  /** From now on `subscription` is given everything after `cursor`. */
  join(subscription: LiveSubscription): void {
    const group = this.#live.get(subscription.variant)
    if (group !== undefined) group.add(subscription)
    else this.#live.set(subscription.variant, new Set([subscription]))
  }

  leave(subscription: LiveSubscription): void {
    const group = this.#live.get(subscription.variant)
    group?.delete(subscription)
    if (group?.size === 0) this.#live.delete(subscription.variant)
  }

  publication(publication: StoredPublication, previousOffset: number | null): void {
    if (this.#stopped) return
    if (this.#head === undefined || this.#repairing !== undefined) {
      this.#repairAgain = true
    } else if (publication.offset > this.#head.offset) {
      if (previousOffset === this.#head.offset) this.#append({ publication }, publication)
      else void this.repair()
    }
  }

  suspect(): void {
    void this.repair()
  }

  /** Compares with the log's tail as somebody read it; reads what is missing. */
  audit(tail: Cursor): void {
    if (this.#head !== undefined && tail.position !== this.#head.position) void this.repair()
  }

  /** Reads the log from where this feed is until nothing is left. Tries until it succeeds or the feed stops. */
  repair(): Promise<void> {
    if (this.#repairing !== undefined || this.#head === undefined) {
      this.#repairAgain = true
      return this.#repairing ?? Promise.resolve()
    }
    this.#repairing = this.#readToTail().finally(() => {
      this.#repairing = undefined
      // What was noticed between the last look and now.
      if (this.#repairAgain && !this.#stopped) void this.repair()
    })
    return this.#repairing
  }

  async #readToTail(): Promise<void> {
    const delay = new RetryDelay()
    while (!this.#stopped) {
      this.#repairAgain = false
      const page = await this.#readPage()
      if (page === undefined) {
        await delay.wait()
        continue
      }
      delay.answered()
      this.#appendPage(page)
      if (!page.more && !this.#wantsRepairAgain()) return
      await endOfTurn() // A page is told before the next one is read: the queue stays bounded.
    }
  }

  // A method, because the flag is set by others while a read is awaited.
  #wantsRepairAgain(): boolean {
    return this.#repairAgain
  }

  /** undefined: the backend did not answer. */
  async #readPage(): Promise<Page | undefined> {
    const from = this.#head?.position ?? ''
    try {
      return await this.#log.read(this.channel, { direction: 'forward', from, limit: READ_LIMIT, maxBytes: READ_BYTES })
    } catch {
      return undefined
    }
  }

  #appendPage(page: Page): void {
    if (this.#stopped) return
    const first = page.publications.at(0)
    if (page.gap !== null) {
      const end = first === undefined ? page.end : { position: page.gap.to, offset: first.offset - 1 }
      this.#append({ gap: page.gap, end }, end)
      if (page.gap.reason === 'epoch-changed') {
        this.#epochChanges += 1
        this.pages.clear()
      }
    }
    for (const publication of page.publications) this.#append({ publication }, publication)
    this.#head = page.end
    if (this.#queue.length === 0) this.#cursor = page.end
  }

  #append(item: Item, head: Cursor): void {
    this.#head = { position: head.position, offset: head.offset }
    this.#queue.push(item)
    if (this.#queue.length === 1) this.#turn.deferFeed(this)
  }

  endTurn(): void {
    const items = this.#queue
    this.#queue = []
    if (this.#stopped || this.#head === undefined) return
    this.pages.clear()
    const publications = items.flatMap((item) => ('publication' in item ? item.publication : []))
    const muted = sessionsMutedIn(publications)
    for (const [variant, subscriptions] of this.#live) {
      const frames = buildFrames(variant, this.channel.name, items)
      for (const subscription of subscriptions) {
        const { session } = subscription
        const isOwn = muted?.has(session) === true
        subscription.deliver(isOwn ? buildFrames(variant, this.channel.name, items, session) : frames)
      }
    }
    this.#told += publications.length
    this.#gapsTold += items.length - publications.length
    this.#cursor = this.#head
  }
}

/** A batch as frames: runs of publications, and gaps in their place. */
const buildFrames = (
  variant: Variant,
  channel: string,
  items: readonly Item[],
  session?: string,
): readonly BatchFrame[] => {
  const frames: BatchFrame[] = []
  let run: StoredPublication[] = []
  const endRun = (): void => {
    if (run.length > 0) frames.push(...publicationFrames(variant, channel, run, session))
    run = []
  }
  for (const item of items) {
    if ('publication' in item) {
      run.push(item.publication)
    } else {
      endRun()
      frames.push({ bytes: gapFrame(variant, channel, item.gap), end: item.end, count: 0 })
    }
  }
  endRun()
  return frames
}
