import type { Channel } from '@tidings/client'
import type { Timeline } from './timeline.js'

const PAGE = 50
const FILL_PAGE = 200

/**
 * Whether there is more above what is shown.
 * - `reached`: nothing more is kept
 * - `lost`: the oldest line shown is of a log that is gone
 */
export type Beginning = 'unknown' | 'loading' | 'failed' | 'reached' | 'lost'

/** Loads what the subscription did not give: older lines, and what belongs into gaps. */
export class RoomHistory {
  readonly #channel: Pick<Channel, 'history'>
  readonly #timeline: Timeline
  readonly #signal: AbortSignal
  readonly #changed: () => void
  #beginning: Beginning = 'unknown'

  constructor(channel: Pick<Channel, 'history'>, timeline: Timeline, signal: AbortSignal, changed: () => void) {
    this.#channel = channel
    this.#timeline = timeline
    this.#signal = signal
    this.#changed = changed
  }

  get beginning(): Beginning {
    return this.#beginning
  }

  /** The timeline let go of its oldest lines: there is more above it again. */
  trimmed(): void {
    this.#beginning = 'unknown'
  }

  /** The page before the oldest line. Does nothing while one is loading, or at the beginning. */
  async loadOlder(): Promise<void> {
    if (!['unknown', 'failed'].includes(this.#beginning)) return
    this.#set('loading')
    const page = await this.#before(this.#timeline.oldestPosition, PAGE)
    if (!page.ok) {
      this.#set('failed')
    } else if (page.gap?.reason === 'epoch-changed') {
      // What the server has stands elsewhere.
      this.#set('lost')
    } else {
      this.#timeline.prepend(page.items, page.gap)
      this.#set(page.more ? 'unknown' : 'reached')
    }
  }

  /** What the server still has of what a gap stands for. */
  async loadGap(key: string): Promise<void> {
    this.#timeline.setFilling(key, true)
    this.#changed()
    const page = await this.#before(this.#timeline.positionAfter(key), FILL_PAGE)
    if (page.ok) this.#timeline.fill(key, page.items, page.more)
    else this.#timeline.setFilling(key, false)
    this.#changed()
  }

  #before(from: string | undefined, limit: number): ReturnType<Channel['history']> {
    return this.#channel.history({ direction: 'backward', from, limit, signal: this.#signal })
  }

  #set(beginning: Beginning): void {
    this.#beginning = beginning
    this.#changed()
  }
}
