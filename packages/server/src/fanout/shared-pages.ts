import type { Position } from '@tidings/protocol'
import type { Log, LogChannel, Page } from '../backend/backend.js'
import { type BatchFrame, publicationFrames, sessionsMutedIn, type Variant } from './encode.js'

const PAGE_LIMIT = 500
const PAGE_BYTES = 65_536
const MAX_PAGES = 8
const KEPT_MS = 1000

/** A page with its publications as frames, built once per variant. */
export class SharedPage {
  readonly page: Page
  readonly #channel: string
  readonly #frames = new Map<Variant, readonly BatchFrame[]>()
  readonly #muted: ReadonlySet<string> | undefined

  constructor(page: Page, channel: string) {
    this.page = page
    this.#channel = channel
    this.#muted = sessionsMutedIn(page.publications)
  }

  /** Whether some of it is not for this session, which then cannot be given the frames of all. */
  isMutedFor(session: string): boolean {
    return this.#muted?.has(session) === true
  }

  frames(variant: Variant): readonly BatchFrame[] {
    const built = this.#frames.get(variant) ?? publicationFrames(variant, this.#channel, this.page.publications)
    this.#frames.set(variant, built)
    return built
  }
}

/**
 * Pages of one channel for those who catch up: after a restart thousands resume from the same position, and what they
 * read is read and built once. A few pages are kept, for a moment, until the feed moves.
 */
export class SharedPages {
  readonly #channel: LogChannel
  readonly #log: Log
  readonly #pages = new Map<Position, Promise<SharedPage>>()
  #timer: NodeJS.Timeout | undefined

  constructor(channel: LogChannel, log: Log) {
    this.#channel = channel
    this.#log = log
  }

  /** Whether the page after a position was read for somebody else a moment ago. */
  has(from: Position): boolean {
    return this.#pages.has(from)
  }

  /** The page after a position. Rejects as the log does. */
  read(from: Position): Promise<SharedPage> {
    const kept = this.#pages.get(from)
    if (kept !== undefined) return kept
    const reading = this.#read(from)
    this.#pages.set(from, reading)
    for (const oldest of this.#pages.keys()) {
      if (this.#pages.size <= MAX_PAGES) break
      this.#pages.delete(oldest)
    }
    this.#timer ??= setTimeout(() => this.clear(), KEPT_MS).unref()
    return reading
  }

  /** What was read so far is not the log's last word any more. */
  clear(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#pages.clear()
  }

  async #read(from: Position): Promise<SharedPage> {
    let isKept = false
    try {
      const request = { direction: 'forward', from, limit: PAGE_LIMIT, maxBytes: PAGE_BYTES } as const
      const page = await this.#log.read(this.#channel, request)
      // An empty page leads nowhere: whoever asks again wants to know whether there is something now.
      isKept = page.publications.length > 0
      return new SharedPage(page, this.#channel.name)
    } finally {
      if (!isKept) this.#pages.delete(from)
    }
  }
}
