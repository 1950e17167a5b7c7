/**
 * What is put off to the end of this turn of the event loop, so that everything one turn produces leaves together: an idle
 * server adds no delay, and under load batches grow by themselves.
 */
export interface Deferred {
  /** Called once at the end of the turn in which it was deferred. May defer more, which runs in the same turn. */
  endTurn(): void
}

/** What adds up within one turn of the event loop, and begins anew in the next. */
export class TurnTally {
  #turnNumber = -1
  #sum = 0

  /** The sum of this turn so far. */
  of(turn: Turn): number {
    return this.add(turn, 0)
  }

  /** Adds to the sum of this turn, and gives it. */
  add(turn: Turn, amount: number): number {
    const { number } = turn
    if (number !== this.#turnNumber) this.#sum = 0
    this.#turnNumber = number
    this.#sum += amount
    return this.#sum
  }
}

/** Longer than this and others notice that they wait. */
const LONG_MS = 1

export class Turn {
  #feeds: Deferred[] = []
  #outbounds: Deferred[] = []
  #scheduled = false
  #isEnding = false
  #isLastFeed = false
  #number = 0
  #startedAtMs = 0

  /** Another one in each turn. */
  get number(): number {
    this.#schedule()
    return this.#number
  }

  /** What is done from now on belongs to this turn, and counts for how long it is. */
  begin(): void {
    this.#schedule()
  }

  /** By the monotonic clock. */
  get startedAtMs(): number {
    this.#schedule()
    return this.#startedAtMs
  }

  /** Whether not so much was done in this turn yet that what can wait should. */
  hasTime(): boolean {
    this.#schedule()
    return performance.now() - this.#startedAtMs < LONG_MS
  }

  /** While feeds end the turn: then connections do, before anything else happens. */
  get isEnding(): boolean {
    return this.#isEnding
  }

  /** While the only feed left ends it: who has nothing waiting yet gains nothing by waiting. */
  get isLastFeed(): boolean {
    return this.#isLastFeed
  }

  /** For those who write to connections: they end the turn before any connection does. */
  deferFeed(feed: Deferred): void {
    this.#feeds.push(feed)
    this.#schedule()
  }

  /** For connections: they end the turn last, so that one write takes all. */
  deferOutbound(outbound: Deferred): void {
    this.#outbounds.push(outbound)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#startedAtMs = performance.now()
    setImmediate(() => this.#end())
  }

  #end(): void {
    this.#isEnding = true
    while (this.#feeds.length > 0) {
      const feeds = this.#feeds
      this.#feeds = []
      for (const feed of feeds) {
        this.#isLastFeed = feed === feeds.at(-1)
        feed.endTurn()
      }
    }
    this.#isLastFeed = false
    this.#isEnding = false
    const outbounds = this.#outbounds
    this.#outbounds = []
    this.#scheduled = false
    this.#number += 1
    for (const outbound of outbounds) outbound.endTurn()
  }
}
