import type { Duplex } from 'node:stream'
import type { Codec } from '@tidings/protocol'
import type { OutboundTotal, Waiting } from './outbound-total.js'
import { buildDataFrame, buildFrame, OPCODE } from './frame.js'
import { MARK_FRAME, ReadMarks } from './read-marks.js'
import { type Deferred, type Turn, TurnTally } from './turn.js'

/** What is held back for the end of the turn at most, so that `isFull` speaks of the peer and not of a long turn. */
const MAX_HELD_BYTES = 65_536

const MAX_PONGS_A_TURN = 64

export interface OutboundLimits {
  /** What may wait here for a slow peer before its subscriptions stop being queued for. */
  readonly maxBufferedBytes: number
  /** What a peer may not have read yet, wherever it is under way, before the same happens. Infinity: nothing is marked. */
  readonly maxUnreadBytes: number
}

/** The WebSocket of the connection. */
export interface Peer {
  terminate(): void
}

/**
 * The way out of one connection. Every frame after the upgrade leaves through here, whole and in order, pongs included;
 * what one turn of the event loop produces leaves in one write.
 *
 * It never drops anything and never waits: whoever has more to send than `isFull` or `isBehind` allows stops by itself
 * and goes on after `whenDrained` or `whenRead`.
 *
 * The buffers of both operating systems take megabytes for a peer that reads nothing: filling them costs everybody else
 * time, and what is in them is old when it is read. So pings mark what was sent (see ReadMarks). A peer that has ever
 * answered one is behind when it has not read more than `maxUnreadBytes`; one that answers none is behind when its socket is
 * full.
 */
export class Outbound implements Deferred, Waiting {
  countedBytes = 0
  readonly #socket: Duplex
  readonly #peer: Peer
  readonly #codec: Codec
  readonly #turn: Turn
  readonly #limits: OutboundLimits
  readonly #total: OutboundTotal
  #corked = false
  /** A frame that leaves alone: most of those that a feed brings at the end of the turn need no cork. */
  #held: Buffer | undefined
  #isClosing = false
  readonly #pings = new TurnTally()
  #latestPing: Uint8Array | undefined
  #ended = false
  readonly #marks: ReadMarks
  #untilDrained: (() => void)[] | undefined
  #lastInTurn: Promise<void> | undefined

  constructor(socket: Duplex, peer: Peer, codec: Codec, turn: Turn, limits: OutboundLimits, total: OutboundTotal) {
    this.#socket = socket
    this.#peer = peer
    this.#codec = codec
    this.#turn = turn
    this.#limits = limits
    this.#total = total
    this.#marks = new ReadMarks(turn, limits.maxUnreadBytes)
  }

  /** Whether the peer takes less than it is sent: its commands should not be read. */
  get isFull(): boolean {
    return this.bufferedBytes > this.#limits.maxBufferedBytes
  }

  /** Whether the peer takes or reads less than it is sent: no more of what can be read again later should be queued. */
  get isBehind(): boolean {
    return this.isFull || this.#marks.isBehind
  }

  /** The same for what can be read from the log again: a peer that reads slowly has enough sooner. */
  get hasEnough(): boolean {
    return this.isFull || this.#marks.hasEnough
  }

  /** Whether it is about to be known how fast the peer reads: until then, no more pages of the log. */
  get isUnproven(): boolean {
    return this.#marks.isUnproven
  }

  /** Whether the peer was found to read slowly. */
  get readsSlowly(): boolean {
    return this.#marks.readsSlowly
  }

  /** Whether large frames are better sent in parts: a browser hears nothing while one is on its way. */
  get wantsSmallFrames(): boolean {
    return this.#marks.mayReadSlowly
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength + (this.#held?.length ?? 0)
  }

  get waitingBytes(): number {
    const { writableLength } = this.#socket
    return writableLength > 0 && this.#socket.destroyed ? 0 : writableLength
  }

  /** What this connection is handled in, together with all the others. */
  get turn(): Turn {
    return this.#turn
  }

  /** Encodes one reply or push for this connection alone. Returns the bytes of its frame. */
  send(message: object): number {
    const frame = buildDataFrame(this.#codec.encode(message))
    this.write(frame)
    return frame.length
  }

  /**
   * Answers a ping. Of more pings in one turn than anybody needs only the first ones and the latest are answered, as RFC 6455
   * allows (5.5.3): ten thousand fit into one read, and the answers would cost everybody else more than the pings.
   */
  pong(payload: Uint8Array): void {
    const pings = this.#pings.add(this.#turn, 1)
    if (pings <= MAX_PONGS_A_TURN) return this.write(buildFrame(OPCODE.pong, payload))
    if (pings === MAX_PONGS_A_TURN + 1) this.#turn.deferFeed({ endTurn: () => this.#pongLatest() })
    this.#latestPing = payload
  }

  ping(): void {
    this.write(buildFrame(OPCODE.ping, ''))
  }

  /** The peer answered a ping. */
  ponged(payload: Buffer): void {
    if (this.#marks.answered(payload)) this.#mark()
  }

  /** One whole frame; the buffer may be shared with other connections and must not change any more. */
  write(frame: Buffer): void {
    if (this.#isClosing || !this.#socket.writable) return
    if (this.#turn.isLastFeed && !this.#corked && this.#held === undefined) this.#writeAtOnce(frame)
    else this.#putOff(frame)
    if (this.#marks.sent(frame.length)) this.#mark()
  }

  endTurn(): void {
    const held = this.#held
    this.#held = undefined
    if (held !== undefined) this.#socket.write(held)
    if (this.#corked) {
      this.#corked = false
      this.#socket.uncork()
    }
    this.#total.count(this)
  }

  /** Calls back once everything buffered has left, or the connection has ended. */
  whenDrained(callback: () => void): void {
    const { writable, writableLength, writableNeedDrain } = this.#socket
    if (this.#ended || writableLength === 0) setImmediate(callback)
    // Below the socket's own mark it says nothing when it is empty; a write that ends does.
    else if (writable && !writableNeedDrain) this.#socket.write('', () => callback())
    else if (this.#untilDrained !== undefined) this.#untilDrained.push(callback)
    else {
      this.#untilDrained = [callback]
      this.#socket.once('drain', () => this.#letGoOfDrainWaiters())
    }
  }

  /** The same, and the peer has read so much of it that it is not behind any more. */
  whenRead(callback: () => void): void {
    this.whenDrained(() => {
      if (this.#ended || !this.#marks.isBehind) callback()
      else if (this.#marks.wait('behind', callback)) this.#mark()
    })
  }

  /** The same for pages of the log: see `hasEnough` and `isUnproven`. */
  whenWanted(callback: () => void): void {
    this.whenDrained(() => {
      if (this.#ended || !(this.#marks.hasEnough || this.#marks.isUnproven)) callback()
      else if (this.#marks.wait('all', callback)) this.#mark()
    })
  }

  /** Runs one after the other what must not write to this connection side by side. `work` must not reject. */
  inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#lastInTurn === undefined ? work() : this.#lastInTurn.then(work)
    // Only the end matters: the result itself must not stay in memory.
    this.#lastInTurn = result.then(() => undefined)
    return result
  }

  /** The closing handshake began, on either side: nothing may follow its frame. */
  closing(): void {
    this.#isClosing = true
  }

  terminate(): void {
    this.#peer.terminate()
  }

  /** Nothing is written any more; whoever waits is let go. */
  end(): void {
    this.#ended = true
    this.#isClosing = true
    this.endTurn()
    this.#letGoOfDrainWaiters()
    this.#marks.end()
  }

  #pongLatest(): void {
    if (this.#latestPing !== undefined) this.write(buildFrame(OPCODE.pong, this.#latestPing))
    this.#latestPing = undefined
  }

  #putOff(frame: Buffer): void {
    if (this.#corked) this.#socket.write(frame)
    else if (this.#held !== undefined || !this.#turn.isEnding) this.#cork(frame)
    else this.#hold(frame)
    if (this.bufferedBytes > MAX_HELD_BYTES) this.endTurn()
  }

  /** Only at the end of the turn: nothing is read any more that could end the connection before the frame has left. */
  #hold(frame: Buffer): void {
    this.#held = frame
    this.#turn.deferOutbound(this)
  }

  #cork(frame: Buffer): void {
    this.#corked = true
    this.#socket.cork()
    if (this.#held === undefined) this.#turn.deferOutbound(this)
    else this.#socket.write(this.#held)
    this.#held = undefined
    this.#socket.write(frame)
  }

  #writeAtOnce(frame: Buffer): void {
    this.#socket.write(frame)
    this.#total.count(this)
  }

  #mark(): void {
    this.#marks.marked()
    this.write(MARK_FRAME)
  }

  #letGoOfDrainWaiters(): void {
    const waiting = this.#untilDrained ?? []
    this.#untilDrained = undefined
    for (const callback of waiting) callback()
  }
}
