/** Who has bytes waiting. */
export interface Waiting {
  /** Bytes that its peer has not taken, as they are now. */
  readonly bufferedBytes: number
  /** Ends the connection at once, with what waits for it. */
  terminate(): void
}

/** Once there is more than this part of the limit, connections end … */
const HIGH = 0.9
/** … until there is no more than this. */
const LOW = 0.75

/**
 * What waits for slow peers on the whole node. Each connection has its own limit, but ten thousand of them would fill the
 * memory together: beyond `maxBytes` those for which most waits are ended. They come back and resume; nobody else
 * notices.
 */
export class OutboundTotal {
  readonly #maxBytes: number
  readonly #ended: () => void
  /** As it was counted last: peers take what waits for them without a word. */
  readonly #waiting = new Map<Waiting, number>()
  #bytes = 0

  /** `ended` is called for each connection that is ended. */
  constructor(maxBytes: number, ended: () => void) {
    this.#maxBytes = maxBytes
    this.#ended = ended
  }

  /** Bytes wait for `one`, or none any more. Call it after a write, and at the end. */
  count(one: Waiting, bytes: number): void {
    this.#bytes += bytes - (this.#waiting.get(one) ?? 0)
    if (bytes > 0) this.#waiting.set(one, bytes)
    else this.#waiting.delete(one)
    if (this.#bytes > this.#maxBytes) this.#relieve()
  }

  #relieve(): void {
    for (const [one, counted] of this.#waiting) {
      const bytes = one.bufferedBytes
      this.#bytes += bytes - counted
      if (bytes > 0) this.#waiting.set(one, bytes)
      else this.#waiting.delete(one)
    }
    // A count that ends close to the limit must not be repeated with every write from then on.
    if (this.#bytes <= this.#maxBytes * HIGH) return
    const largest = [...this.#waiting].sort(([, bytes], [, others]) => others - bytes)
    for (const [one, bytes] of largest) {
      if (this.#bytes <= this.#maxBytes * LOW) return
      this.#waiting.delete(one)
      this.#bytes -= bytes
      one.terminate()
      this.#ended()
    }
  }
}
