import { jsonCodec } from '@tidings/protocol'
import type { Cursor, Log, LogChannel, LogListener, Page, StoredPublication } from '../backend/backend.js'
import { Turn } from '../transport/turn.js'
import { afterTest } from '../node.fixture.js'
import { variantOf } from './encode.js'
import { Hub } from './hub.js'
import { connectPeer, itemsOf } from './subscriber.fixture.js'
import { Subscription } from './subscription.js'

export const channel: LogChannel = {
  name: 'a',
  durability: 'memory',
  history: { maxCount: 10_000 },
  dedupeWindowMs: 1000,
}

/** A log that a test plays by hand: what is stored and what is noticed are two things. */
export class ScriptedLog implements Log {
  readonly notices: 'exact' | 'hints'
  epoch = 'A'
  stored: StoredPublication[] = []
  reads = 0
  /** What a read waits for. */
  beforeRead: () => Promise<void> = () => Promise.resolve()
  fails = false
  listener: LogListener | undefined

  constructor(notices: 'exact' | 'hints') {
    this.notices = notices
  }

  store(offset: number): StoredPublication {
    const publication = this.make(offset)
    this.stored.push(publication)
    return publication
  }

  make(offset: number): StoredPublication {
    const payload = JSON.stringify(offset)
    return { offset, position: `${this.epoch}:${offset}`, time: offset, payload, publisher: null, id: `${offset}` }
  }

  /** Stores, and tells as 'exact' does. */
  publishAt(offset: number): void {
    const previous = this.tail().offset
    const stored = this.store(offset)
    this.listener?.publication(stored, previous)
  }

  tail(): Cursor {
    const { position, offset } = this.stored.at(-1) ?? { position: `${this.epoch}:0`, offset: 0 }
    return { position, offset }
  }

  async read(
    _channel: LogChannel,
    { from, limit }: { readonly from?: unknown; readonly limit: number },
  ): Promise<Page> {
    this.reads += 1
    const page = this.#page(typeof from === 'string' ? from : '', limit)
    await this.beforeRead()
    if (this.fails) throw new Error('away')
    return page
  }

  #page(from: string, limit: number): Page {
    const [epoch, offset] = from.split(':')
    if (epoch !== this.epoch) {
      const gap = { from, to: this.tail().position, reason: 'epoch-changed', missed: null } as const
      return { gap, publications: [], end: this.tail(), more: false }
    }
    const after = this.stored.filter((publication) => publication.offset > Number(offset))
    const publications = after.slice(0, limit)
    const last = publications.at(-1)
    const end = last ?? { position: from, offset: Number(offset) }
    return { gap: null, publications, end: { position: end.position, offset: end.offset }, more: after.length > limit }
  }

  tails(): Promise<readonly Cursor[]> {
    return Promise.resolve([this.tail()])
  }

  watch(_channel: LogChannel, listener: LogListener): Promise<{ stop(): void }> {
    this.listener = listener
    return Promise.resolve({ stop: () => (this.listener = undefined) })
  }

  rewind(): Promise<Cursor> {
    return Promise.resolve(this.tail())
  }

  publish(): never {
    throw new Error('not played')
  }

  isInUse(): Promise<boolean> {
    return Promise.resolve(true)
  }

  purge(): never {
    throw new Error('not played')
  }
}

/** Nothing happens to whoever falls behind. */
export const nobody = { id: 'nobody', disconnectSlow: (): void => undefined }

/** Nobody has to wait for a page. */
export const unpaced = { run: (read: () => Promise<number>): Promise<void> => read().then(() => undefined) }

/** A subscription that has not started, on a connection of its own. Ends with the test. */
export const subscribeTo = async (
  log: Log,
  from?: Cursor,
  { policy = 'catch-up', auditIntervalMs = 60_000 }: { policy?: 'catch-up' | 'skip'; auditIntervalMs?: number } = {},
) => {
  const turn = new Turn()
  const hub = new Hub(log, turn, auditIntervalMs)
  const feed = await hub.acquire(channel)
  const { peer, outbound } = connectPeer(turn, 16_384)
  const parts = {
    feed,
    log,
    variant: variantOf(jsonCodec, 0, false),
    outbound,
    policy,
    owner: nobody,
    pages: unpaced,
  } as const
  const subscription = new Subscription(parts, from ?? feed.cursor)
  afterTest(() => {
    subscription.end()
    hub.close()
    return Promise.resolve()
  })
  return { feed, hub, peer, outbound, subscription, turn }
}

/** Offsets of what was given, and gaps from where to where. */
export const offsets = (received: Parameters<typeof itemsOf>[0]): readonly (number | string)[] =>
  itemsOf(received).map((item) => ('gap' in item ? `${item.gap.from}→${item.gap.to}` : item.publication.offset))
