import type { Duplex } from 'node:stream'

/**
 * The reads of a socket of which nobody knows yet whose it is. Each waits for its turn: strangers come in crowds, and a loop
 * of events that hands over the first bytes of a hundred of them, or refuses a hundred, is long for everybody else. What
 * waits is what one read takes, and an end is heard after what came before it.
 */
export class StrangerReads {
  readonly #socket: Duplex
  readonly #queue: (reads: StrangerReads) => void
  #isQueued = false
  #isPaused = false
  #isOver = false

  /** `queue` calls `read` when it is its turn. The socket stops flowing. */
  constructor(socket: Duplex, queue: (reads: StrangerReads) => void) {
    this.#socket = socket
    this.#queue = queue
    socket.on('readable', this.#onReadable)
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#onReadable()
  }

  /** Hands over what is there to those who listen to `data`. */
  read(): void {
    this.#isQueued = false
    if (!this.#isPaused && !this.#isOver) this.#socket.read()
  }

  /** The socket flows by itself again, from the end of this step on, whether it was paused or not. */
  end(): void {
    this.#isOver = true
    this.#socket.off('readable', this.#onReadable)
  }

  readonly #onReadable = (): void => {
    if (this.#isQueued || this.#isPaused || this.#isOver) return
    this.#isQueued = true
    this.#queue(this)
  }
}
