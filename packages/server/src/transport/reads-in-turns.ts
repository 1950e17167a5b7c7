import type { Duplex, Writable } from 'node:stream'

/** What one turn takes of a socket: of the smallest frames some thousand, a millisecond or two of work. */
export const PIECE_BYTES = 8192

/**
 * The reads of a socket that waits for its turn, and is then read from one piece at a time: of one of which nobody knows yet
 * whose it is, or that floods. Strangers come in crowds, and a loop of events that hands over the first bytes of a hundred
 * of them, or refuses a hundred, is long for everybody else; and so is one read of 64 KiB that holds ten thousand pings.
 * What waits is what one read takes, and an end is heard after what came before it.
 */
export class ReadsInTurns {
  readonly #socket: Duplex
  readonly #sink: Writable
  readonly #queue: (reads: ReadsInTurns) => void
  #isQueued = false
  #isPaused = false
  #isOver = false

  /**
   * `queue` calls `read` when it is its turn. The socket stops flowing, and can no longer be paused by who listens to it and
   * writes to `sink`: while that is full, nothing is read.
   */
  constructor(socket: Duplex, sink: Writable, queue: (reads: ReadsInTurns) => void) {
    this.#socket = socket
    this.#sink = sink
    this.#queue = queue
    socket.on('readable', this.#onReadable)
    sink.on('drain', this.#onReadable)
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#onReadable()
  }

  /**
   * Hands over a piece of what is there to those who listen to `data`, and asks for another turn if there is more. All of
   * it once `sink` takes nothing any more: to drop it costs nothing.
   */
  read(): void {
    this.#isQueued = false
    if (!this.#mayRead) return
    // Only a read of all that is left finds an end behind it.
    if (!this.#sink.destroyed && this.#socket.readableLength > PIECE_BYTES) this.#socket.read(PIECE_BYTES)
    else this.#socket.read()
    if (this.#socket.readableLength > 0) this.#onReadable()
  }

  /** The socket flows by itself again, from the end of this step on, whether it was paused or not. */
  end(): void {
    this.#isOver = true
    this.#socket.off('readable', this.#onReadable)
    this.#sink.off('drain', this.#onReadable)
  }

  get #mayRead(): boolean {
    return !this.#isPaused && !this.#isOver && !this.#sink.writableNeedDrain
  }

  readonly #onReadable = (): void => {
    if (this.#isQueued || !this.#mayRead) return
    this.#isQueued = true
    this.#queue(this)
  }
}
