/** Who has bytes waiting. */
export interface Waiting {
  /** Bytes that its peer has not taken, as they are now; 0 once the connection is gone. */
  readonly waitingBytes: number
  /** The total's: as it counted them last. 0 at first. */
  countedBytes: number
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
  /** Those that were counted with some: peers take what waits for them without a word. */
  readonly #waiting = new Set<Waiting>()
  #bytes = 0

  /** `ended` is called for each connection that is ended. */
  constructor(maxBytes: number, ended: () => void) {
    this.#maxBytes = maxBytes
    this.#ended = ended
  }

  /** Call it after a write, and at the end. Most peers take everything at once: they cost nothing. */
  count(one: Waiting): void {
    const bytes = one.waitingBytes
    if (bytes === one.countedBytes) return
    this.#note(one, bytes)
    if (this.#bytes > this.#maxBytes) this.#relieve()
  }

  #note(one: Waiting, bytes: number): void {
    this.#bytes += bytes - one.countedBytes
    one.countedBytes = bytes
    if (bytes > 0) this.#waiting.add(one)
    else this.#waiting.delete(one)
  }

  #relieve(): void {
    for (const one of this.#waiting) this.#note(one, one.waitingBytes)
    // A count that ends close to the limit must not be repeated with every write from then on.
    if (this.#bytes <= this.#maxBytes * HIGH) return
    const largest = [...this.#waiting].sort((one, other) => other.countedBytes - one.countedBytes)
    for (const one of largest) {
      if (this.#bytes <= this.#maxBytes * LOW) return
      one.terminate()
      this.#note(one, one.waitingBytes)
      this.#ended()
    }
  }
}
