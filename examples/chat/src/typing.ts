import type { Channel } from '@tidings/client'
import { Typists } from './typists.js'

/** While somebody types, it is said this often. */
const REPEAT_MS = 3000
const PUBLISH_TIMEOUT_MS = 2000

type TypingChannel = Channel<{ typing: boolean }, { typing: boolean }>

interface TypingOptions {
  readonly me: string
  readonly signal: AbortSignal
  isConnected(): boolean
  changed(): void
}

/** Who is typing in one room, and the saying of it by oneself. */
export class Typing {
  readonly #channel: TypingChannel
  readonly #options: TypingOptions
  readonly #typists: Typists
  #saidAtMs = -Infinity

  constructor(channel: TypingChannel, options: TypingOptions) {
    this.#channel = channel
    this.#options = options
    this.#typists = new Typists(() => options.changed())
    options.signal.addEventListener('abort', () => this.#typists.clear())
    void this.#follow()
  }

  /** The others who are typing. */
  get names(): readonly string[] {
    return this.#typists.names
  }

  stopped(name: string): void {
    this.#typists.stopped(name)
  }

  clear(): void {
    this.#saidAtMs = -Infinity
    this.#typists.clear()
  }

  /** One's own text changed. Says so, not too often. */
  typed(isEmpty: boolean): void {
    if (isEmpty) {
      if (this.#saidAtMs > -Infinity) this.#say(false)
    } else if (performance.now() - this.#saidAtMs >= REPEAT_MS) {
      this.#say(true)
    }
  }

  /** One's own line was sent: it says by itself that the typing ended. */
  sent(): void {
    this.#saidAtMs = -Infinity
  }

  /** Only while connected: word of typing that arrives later is not true any more. */
  #say(typing: boolean): void {
    if (!this.#options.isConnected()) return
    this.#saidAtMs = typing ? performance.now() : -Infinity
    void this.#channel.publish({ typing }, { echo: false, signal: AbortSignal.timeout(PUBLISH_TIMEOUT_MS) })
  }

  async #follow(): Promise<void> {
    try {
      for await (const item of this.#channel.subscribe({ signal: this.#options.signal })) {
        if (item.kind === 'gap') this.#typists.clear()
        else if (item.publisher !== null && item.publisher !== this.#options.me) {
          if (item.data.typing) this.#typists.started(item.publisher)
          else this.#typists.stopped(item.publisher)
        }
      }
    } catch {
      // A room without it is still a room: the connection's own state says what is wrong.
      this.#typists.clear()
    }
  }
}
