import type {
  Cursor,
  Log,
  LogChannel,
  LogListener,
  NewPublication,
  Page,
  PublishResult,
  ReadRequest,
  StoredPublication,
  Watch,
} from '@tidings/server'
import type { Rewind } from '@tidings/protocol'
import { Random } from '../random.js'
import { unavailable, type Weather } from './weather.js'

const STRIDE = 7

interface Watcher {
  readonly listener: LogListener
  stopped: boolean
}

/** The log of an unreliable backend. */
export class UnreliableLog implements Log {
  readonly notices = 'hints'
  readonly #inner: Log
  readonly #weather: Weather
  readonly #seed: number
  readonly #watchers = new Set<Watcher>()

  constructor(inner: Log, weather: Weather, seed: number) {
    this.#inner = inner
    this.#weather = weather
    this.#seed = seed
  }

  /** Stores in the order of the calls; the answer is late, or lost. */
  async publish(channel: LogChannel, publication: NewPublication): Promise<PublishResult> {
    const weather = this.#weather
    const fails = weather.fails()
    if (fails && !weather.random.chance(weather.rates.storedAnyway)) {
      await weather.delay()
      throw unavailable()
    }
    const stored = this.#inner.publish(channel, publication)
    // Looked at only after the delay: a rejection must not count as unhandled meanwhile.
    stored.catch(() => undefined)
    await weather.delay()
    const result = await stored
    if (fails || weather.isOut) throw unavailable()
    return { ...result, offset: this.#sparse(result.offset) }
  }

  isInUse(channel: LogChannel): Promise<boolean> {
    return this.#weather.call(() => this.#inner.isInUse(channel))
  }

  async read(channel: LogChannel, request: ReadRequest): Promise<Page> {
    const page = await this.#weather.call(() => this.#inner.read(channel, request))
    return {
      gap: page.gap === null ? null : { ...page.gap, missed: null },
      publications: page.publications.map((publication) => this.#spread(publication)),
      end: this.#spread(page.end),
      more: page.more,
    }
  }

  async rewind(channel: LogChannel, rewind: Rewind): Promise<Cursor> {
    return this.#spread(await this.#weather.call(() => this.#inner.rewind(channel, rewind)))
  }

  async tails(channels: readonly LogChannel[]): Promise<readonly Cursor[]> {
    const tails = await this.#weather.call(() => this.#inner.tails(channels))
    return tails.map((cursor) => this.#spread(cursor))
  }

  async watch(channel: LogChannel, listener: LogListener): Promise<Watch> {
    const watcher: Watcher = { listener, stopped: false }
    const watch = await this.#weather.call(
      () =>
        this.#inner.watch(channel, {
          publication: (publication) => this.#notice(watcher, publication),
          suspect: () => listener.suspect(),
        }),
      (made) => made.stop(),
    )
    this.#watchers.add(watcher)
    return {
      stop: () => {
        watcher.stopped = true
        this.#watchers.delete(watcher)
        watch.stop()
      },
    }
  }

  purge(channel: LogChannel): Promise<void> {
    return this.#weather.call(() => this.#inner.purge(channel))
  }

  /** After an outage: some watchers are told that they may have missed something. */
  suspectAll(): void {
    for (const watcher of this.#watchers) this.#suspect(watcher)
  }

  #notice(watcher: Watcher, publication: StoredPublication): void {
    const { random, rates, isOut } = this.#weather
    if (isOut || random.chance(rates.lost)) {
      if (!isOut) this.#suspect(watcher)
      return
    }
    const times = random.chance(rates.twice) ? 2 : 1
    for (let time = 0; time < times; time += 1) {
      const previous = random.chance(rates.unknownPrevious) ? null : this.#sparse(publication.offset - 1)
      const tell = (): void => {
        if (!watcher.stopped) watcher.listener.publication(this.#spread(publication), previous)
      }
      if (random.chance(rates.late)) this.#weather.later(tell)
      else tell()
    }
  }

  #suspect(watcher: Watcher): void {
    const { random, rates } = this.#weather
    if (!random.chance(rates.suspect)) return
    this.#weather.later(() => {
      if (!watcher.stopped) watcher.listener.suspect()
    })
  }

  #spread<Item extends { readonly offset: number }>(item: Item): Item {
    return { ...item, offset: this.#sparse(item.offset) }
  }

  /** A rising map from contiguous offsets to ones with holes; 0 stays 0. */
  #sparse(offset: number): number {
    if (offset === 0) return 0
    return offset * STRIDE + Math.floor(new Random(this.#seed ^ (offset * 2_654_435_761)).next() * STRIDE)
  }
}
