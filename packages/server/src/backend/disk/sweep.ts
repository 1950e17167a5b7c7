import type { DiskLog } from './disk-log.js'
import type { Store } from './store.js'

const INTERVAL_MS = 1000
/** Channels looked at in one turn, so that the sweep never holds up the event loop. */
const CHANNELS = 500
const LAST_KEY = Buffer.alloc(257, 0xff)

/** Goes through all channels of the store again and again, so that age also takes what nobody reads. */
export class Sweep {
  readonly #store: Store
  readonly #disk: DiskLog
  readonly #timer: NodeJS.Timeout
  /** The channel looked at last. */
  #after: Buffer | null = null

  constructor(store: Store, disk: DiskLog) {
    this.#store = store
    this.#disk = disk
    this.#timer = setInterval(() => disk.guard(() => this.step()), INTERVAL_MS).unref()
  }

  /** Looks at some more channels. */
  step(): void {
    const start = this.#after === null ? Buffer.alloc(1) : Buffer.concat([this.#after, Buffer.alloc(1)])
    const keys: Buffer[] = []
    for (const { key } of this.#store.scan('channels', { start, end: LAST_KEY })) {
      keys.push(Buffer.from(key))
      if (keys.length === CHANNELS) break
    }
    this.#after = keys.length === CHANNELS ? (keys.at(-1) ?? null) : null
    for (const key of keys) this.#disk.expire(key.toString('utf8', 1))
    this.#disk.tidy()
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
