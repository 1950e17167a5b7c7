import { buildFrame, OPCODE } from './frame.js'

const MARK = Buffer.from('read')
export const MARK_FRAME = buildFrame(OPCODE.ping, MARK)

/** The first mark comes early, to find out whether the peer answers and how fast it reads. */
const FIRST_MARK_BYTES = 32_768
/** The first answer is waited for as long as 32 KiB take at 5 KB/s. */
const FIRST_ANSWER_MS = 6500
/** A peer that reads slowly has no more than this under way before it catches up from the log. */
const SLOW_UNREAD_BYTES = 65_536
/** A peer that reads less than this reads slowly … */
const SLOW_BYTES_PER_MS = 24
/** … until it reads more than this. */
const FAST_BYTES_PER_MS = 32
/** A mark after fewer bytes measures the round trip, and not how fast the peer reads. */
const MIN_TELLING_BYTES = 16_384

/** The turn of the event loop, whose time is exact enough. */
interface Clock {
  readonly startedAtMs: number
}

interface Waiter {
  /** It goes on when no more than this is unread. */
  readonly bytes: number
  readonly callback: () => void
}

/**
 * How much of what was sent the peer has not read yet, wherever it is under way, and how fast the peer reads. Marks find
 * out: pings whose pong says that everything before them was read. One mark is under way at a time, and always one while
 * somebody waits. A peer that answers none is never found to have anything unread.
 *
 * `sent`, `answered` and `wait` return whether a mark is due: then send `MARK_FRAME` and call `marked`.
 */
export class ReadMarks {
  readonly #turn: Clock
  readonly #maxUnreadBytes: number
  #isAnswered = false
  #isMarked = false
  #markedAtMs = 0
  #readsFast = false
  /** Sent before the mark that is not answered yet, and since the latest one. */
  #bytesBefore = 0
  #bytesAfter = 0
  #waiters: Waiter[] | undefined

  /** `maxUnreadBytes`: more and the peer is behind. Infinity: nothing is marked. */
  constructor(turn: Clock, maxUnreadBytes: number) {
    this.#turn = turn
    this.#maxUnreadBytes = maxUnreadBytes
  }

  /** Whether more is unread than any peer may have. */
  get isBehind(): boolean {
    return this.#isAnswered && this.#unreadBytes > this.#maxUnreadBytes
  }

  /** Whether what can be read from the log later should wait: as `isBehind`, and sooner for a peer that reads slowly. */
  get hasEnough(): boolean {
    return this.isBehind || (this.#unreadBytes > SLOW_UNREAD_BYTES && this.readsSlowly)
  }

  /** Whether the answer to the first mark will soon tell how fast the peer reads. */
  get isUnproven(): boolean {
    return !this.#isAnswered && this.#isMarked && this.#markAgeMs < FIRST_ANSWER_MS
  }

  /** Whether the peer reads slowly. */
  get readsSlowly(): boolean {
    return this.#isAnswered && this.mayReadSlowly
  }

  /** The same, or it is not known yet. */
  get mayReadSlowly(): boolean {
    return !this.#readsFast || this.#isLate
  }

  sent(bytes: number): boolean {
    this.#bytesAfter += bytes
    return this.#isDue
  }

  marked(): void {
    this.#isMarked = true
    this.#markedAtMs = this.#turn.startedAtMs
    this.#bytesBefore = this.#bytesAfter
    this.#bytesAfter = 0
  }

  /** The peer answered a ping. */
  answered(payload: Buffer): boolean {
    if (!this.#isMarked || !MARK.equals(payload)) return false
    if (this.#bytesBefore >= MIN_TELLING_BYTES) {
      const limit = this.#readsFast ? SLOW_BYTES_PER_MS : FAST_BYTES_PER_MS
      this.#readsFast = this.#bytesBefore >= this.#markAgeMs * limit
    }
    this.#isAnswered = true
    this.#isMarked = false
    this.#bytesBefore = 0
    this.#letGo(this.#unreadBytes)
    return this.#isDue
  }

  /** Calls back once the peer has read so much that more makes sense: for peers that are behind, or for all. */
  wait(whom: 'behind' | 'all', callback: () => void): boolean {
    const isSlow = whom === 'all' && this.mayReadSlowly
    const bytes = Math.min(this.#maxUnreadBytes, isSlow ? SLOW_UNREAD_BYTES : Infinity) / 2
    this.#waiters ??= []
    this.#waiters.push({ bytes, callback })
    if (!this.#isAnswered) setTimeout(() => this.end(), FIRST_ANSWER_MS - this.#markAgeMs).unref()
    return this.#isDue
  }

  /** Whoever waits is let go. */
  end(): void {
    this.#letGo(0)
  }

  get #unreadBytes(): number {
    return this.#bytesBefore + this.#bytesAfter
  }

  get #markAgeMs(): number {
    return this.#turn.startedAtMs - this.#markedAtMs
  }

  /** Whether the answer to the mark takes longer than that of a peer that does not read slowly. */
  get #isLate(): boolean {
    return this.#isMarked && this.#markAgeMs * SLOW_BYTES_PER_MS > Math.max(this.#bytesBefore, FIRST_MARK_BYTES)
  }

  get #isDue(): boolean {
    return !this.#isMarked && (this.#bytesAfter >= this.#intervalBytes || this.#waiters !== undefined)
  }

  get #intervalBytes(): number {
    const half = this.#maxUnreadBytes / 2
    if (this.#readsFast || half === Infinity) return half
    return Math.min(half, this.#isAnswered ? SLOW_UNREAD_BYTES / 2 : FIRST_MARK_BYTES)
  }

  #letGo(unreadBytes: number): void {
    const waiters = this.#waiters
    if (waiters === undefined) return
    const later = waiters.filter(({ bytes }) => bytes < unreadBytes)
    this.#waiters = later.length === 0 ? undefined : later
    for (const { bytes, callback } of waiters) if (bytes >= unreadBytes) callback()
  }
}
