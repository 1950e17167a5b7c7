import type { Socket } from 'node:net'

/** What a direction of a proxied connection does to the bytes that go through it. */
export interface PipeRules {
  /** Every byte comes this much later. Default 0. */
  readonly delayMs?: number
  /** Default: as fast as it goes. */
  readonly bytesPerSecond?: number
  /** Nothing goes through; what waits is kept, and the sender is soon not read from. Default false. */
  readonly stalled?: boolean
}

interface Waiting {
  bytes: Buffer
  /** When it may leave, in milliseconds of the monotonic clock. */
  readonly dueMs: number
}

/** Beyond this the sender is not read from. */
const MAX_WAITING_BYTES = 262_144
/** A limited pipe lets its bytes go in portions of this length in time. */
const PORTION_MS = 50

/**
 * One direction of a proxied connection. Holds at most 256 KiB and what the two sockets buffer; keeps the order of bytes
 * whatever rules come and go.
 */
export class Pipe {
  readonly #source: Socket
  readonly #sink: Socket
  readonly #ended: () => void
  #rules: PipeRules = {}
  #waiting: Waiting[] = []
  #waitingBytes = 0
  #sourceEnded = false
  #isOver = false
  #awaitsDrain = false
  #nextPortionMs = 0
  #cutAfter: { left: number; readonly then: () => void } | undefined
  #timer: NodeJS.Timeout | undefined
  #passed = 0

  /** `ended`: the source sent its FIN, and all before it went through. */
  constructor(source: Socket, sink: Socket, ended: () => void) {
    this.#source = source
    this.#sink = sink
    this.#ended = ended
    source.on('data', (bytes: Buffer) => this.#take(bytes))
    source.on('end', () => {
      this.#sourceEnded = true
      this.#pump()
    })
    sink.on('drain', () => {
      this.#awaitsDrain = false
      this.#pump()
    })
  }

  /** Bytes that went through so far. */
  get passedBytes(): number {
    return this.#passed
  }

  /** Bytes that are held back. */
  get waitingBytes(): number {
    return this.#waitingBytes
  }

  get rules(): PipeRules {
    return this.#rules
  }

  /** In place of the rules so far; a delay counts for bytes that come from now on. */
  set rules(rules: PipeRules) {
    this.#rules = rules
    this.#nextPortionMs = 0
    this.#pump()
  }

  /** Calls `then` once this many more bytes went through, and lets nothing more through. */
  cutAfter(bytes: number, then: () => void): void {
    this.#cutAfter = { left: bytes, then }
    this.#pump()
  }

  /** Lets nothing through any more, and reads on without keeping anything. */
  stop(): void {
    this.#isOver = true
    this.#waiting = []
    this.#waitingBytes = 0
    clearTimeout(this.#timer)
    this.#source.resume()
  }

  #take(bytes: Buffer): void {
    if (this.#isOver) return
    this.#waiting.push({ bytes, dueMs: performance.now() + (this.#rules.delayMs ?? 0) })
    this.#waitingBytes += bytes.length
    if (this.#waitingBytes >= MAX_WAITING_BYTES) this.#source.pause()
    this.#pump()
  }

  #pump(): void {
    clearTimeout(this.#timer)
    while (!this.#isOver && this.#rules.stalled !== true && !this.#awaitsDrain) {
      if (this.#cutAfter !== undefined && this.#cutAfter.left <= 0) {
        const { then } = this.#cutAfter
        this.stop()
        then()
        return
      }
      const head = this.#waiting[0]
      if (head === undefined) {
        if (this.#sourceEnded) this.#finish()
        return
      }
      const waitMs = Math.max(head.dueMs, this.#nextPortionMs) - performance.now()
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#pump(), Math.ceil(waitMs))
        return
      }
      this.#pass(head)
    }
  }

  #finish(): void {
    this.#isOver = true
    this.#ended()
  }

  #pass(head: Waiting): void {
    const { bytesPerSecond = Infinity } = this.#rules
    const portion = Math.max(1, Math.floor((bytesPerSecond * PORTION_MS) / 1000))
    const count = Math.min(head.bytes.length, portion, this.#cutAfter?.left ?? Infinity)
    const bytes = head.bytes.subarray(0, count)
    if (count === head.bytes.length) this.#waiting.shift()
    else head.bytes = head.bytes.subarray(count)
    this.#waitingBytes -= count
    this.#passed += count
    if (this.#cutAfter !== undefined) this.#cutAfter.left -= count
    if (bytesPerSecond < Infinity) this.#nextPortionMs = performance.now() + (count / bytesPerSecond) * 1000
    if (this.#waitingBytes < MAX_WAITING_BYTES / 2 && this.#source.isPaused()) this.#source.resume()
    if (this.#sink.writable && !this.#sink.write(bytes)) this.#awaitsDrain = true
  }
}
