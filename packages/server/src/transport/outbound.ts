import type { Duplex } from 'node:stream'
import type { Codec } from '@tidings/protocol'
import { buildDataFrame, buildFrame, OPCODE } from './frame.js'
import type { Deferred, Turn } from './turn.js'

const CORKED_BYTES = 65_536
const OPEN = 1

/** The WebSocket of the connection: after its closing handshake began, on either side, nothing may follow. */
export interface Peer {
  readonly readyState: number
}

/**
 * The way out of one connection. Every frame after the upgrade leaves through here, whole and in order, pongs included;
 * what one turn of the event loop produces leaves in one write.
 *
 * It never drops anything and never waits: whoever has more to send than `isFull` allows stops by itself and goes on
 * after `whenDrained`.
 */
export class Outbound implements Deferred {
  readonly #socket: Duplex
  readonly #peer: Peer
  readonly #codec: Codec
  readonly #turn: Turn
  readonly #maxBufferedBytes: number
  #corked = false
  #ended = false
  #waiting: (() => void)[] = []
  #lastInTurn: Promise<void> | undefined

  constructor(socket: Duplex, peer: Peer, codec: Codec, turn: Turn, maxBufferedBytes: number) {
    this.#socket = socket
    this.#peer = peer
    this.#codec = codec
    this.#turn = turn
    this.#maxBufferedBytes = maxBufferedBytes
    socket.on('drain', () => this.#drained())
  }

  /** Whether the peer takes less than it is sent: no more of what can be read again later should be queued. */
  get isFull(): boolean {
    return this.#socket.writableLength > this.#maxBufferedBytes
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength
  }

  /** Encodes one reply or push for this connection alone. */
  send(message: object): void {
    this.write(buildDataFrame(this.#codec.encode(message)))
  }

  pong(payload: Uint8Array): void {
    this.write(buildFrame(OPCODE.pong, payload))
  }

  ping(): void {
    this.write(buildFrame(OPCODE.ping, ''))
  }

  /** One whole frame; the buffer may be shared with other connections and must not change any more. */
  write(frame: Buffer): void {
    if (this.#ended || this.#peer.readyState !== OPEN || !this.#socket.writable) return
    if (!this.#corked) {
      this.#corked = true
      this.#socket.cork()
      this.#turn.deferOutbound(this)
    }
    this.#socket.write(frame)
    // What is held back for the end of the turn is bounded, so that `isFull` speaks of the peer and not of a long turn.
    if (this.#socket.writableLength > CORKED_BYTES) this.endTurn()
  }

  endTurn(): void {
    if (!this.#corked) return
    this.#corked = false
    this.#socket.uncork()
  }

  /** Calls back once everything buffered has left, or the connection has ended. */
  whenDrained(callback: () => void): void {
    const { writable, writableLength, writableNeedDrain } = this.#socket
    if (this.#ended || writableLength === 0) setImmediate(callback)
    else if (writableNeedDrain || !writable) this.#waiting.push(callback)
    // Below the socket's own mark it says nothing when it is empty; a write that ends does.
    else this.#socket.write('', () => callback())
  }

  /** Runs one after the other what must not write to this connection side by side. `work` must not reject. */
  inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#lastInTurn === undefined ? work() : this.#lastInTurn.then(work)
    // Only the end matters: the result itself must not stay in memory.
    this.#lastInTurn = result.then(() => undefined)
    return result
  }

  /** Nothing is written any more; whoever waits is let go. */
  end(): void {
    this.#ended = true
    this.endTurn()
    this.#drained()
  }

  #drained(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const callback of waiting) callback()
  }
}
