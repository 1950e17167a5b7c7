import type { Duplex } from 'node:stream'

const NEWLINE = 0x0a

export interface LinkListener {
  /** What the other end sent in one turn, in order. Never empty. */
  batch(messages: readonly unknown[]): void
  /** More than `fullBytes` wait for the other end. Called again only after `drained`. */
  full?(): void
  /** Everything was taken, after `full`. */
  drained?(): void
  /** Called once, when nothing more can come or go. */
  closed(): void
}

/**
 * One end of an ordered stream between two processes that run the same program. What is sent within one turn of the event
 * loop leaves as one batch: a line with a JSON array. The link owns the stream.
 */
export class Link {
  readonly #stream: Duplex
  readonly #listener: LinkListener
  readonly #fullBytes: number
  #queue: string[] = []
  #partial: Buffer[] = []
  #isFull = false

  constructor(stream: Duplex, listener: LinkListener, { fullBytes = Infinity } = {}) {
    this.#stream = stream
    this.#listener = listener
    this.#fullBytes = fullBytes
    stream.on('data', (chunk: Buffer) => this.#take(chunk))
    stream.on('drain', () => this.#drained())
    // Both are followed by `close`, which says it all.
    stream.on('error', () => undefined)
    stream.once('end', () => stream.destroy())
    stream.once('close', () => listener.closed())
  }

  /** `json` must be valid JSON. What is sent on a closed link is lost. */
  send(json: string): void {
    this.#queue.push(json)
    if (this.#queue.length === 1) setImmediate(() => this.#flush())
  }

  /** Takes nothing more from the other end, which is made to wait, until `resume`. */
  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  /** Lets what was sent arrive, then closes. */
  end(): void {
    this.#flush()
    this.#stream.end()
  }

  /** Closes at once. */
  destroy(): void {
    this.#stream.destroy()
  }

  #flush(): void {
    const queue = this.#queue
    this.#queue = []
    if (queue.length === 0 || !this.#stream.writable) return
    this.#stream.write(`[${queue.join(',')}]\n`)
    if (this.#isFull || this.#stream.writableLength <= this.#fullBytes) return
    this.#isFull = true
    this.#listener.full?.()
  }

  #drained(): void {
    if (!this.#isFull) return
    this.#isFull = false
    this.#listener.drained?.()
  }

  #take(chunk: Buffer): void {
    let rest = chunk
    for (let end = rest.indexOf(NEWLINE); end !== -1; end = rest.indexOf(NEWLINE)) {
      const line = rest.subarray(0, end)
      const whole = this.#partial.length === 0 ? line : Buffer.concat([...this.#partial, line])
      this.#partial = []
      this.#listener.batch(JSON.parse(whole.toString()) as unknown[])
      rest = rest.subarray(end + 1)
    }
    if (rest.length > 0) this.#partial.push(rest)
  }
}
