import type { Subscription } from '../fanout/subscription.js'

/** A session's place for one subscription, from the command that asks for it until it ends. */
export class HeldSubscription {
  readonly channel: string
  /** undefined while it is being set up. */
  subscription: Subscription | undefined
  /** Resolves once it is set up or has failed; the publishes that the session sent after it wait for this. */
  settled: Promise<unknown> | undefined
  readonly #releases: (() => void)[] = []
  #ended = false

  constructor(channel: string) {
    this.channel = channel
  }

  get ended(): boolean {
    return this.#ended
  }

  /** What to do when it ends; done at once if it has ended while somebody waited for what is to be released. */
  onEnd(release: () => void): void {
    if (this.#ended) release()
    else this.#releases.push(release)
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    for (const release of this.#releases.reverse()) release()
  }
}
