/**
 * What carries a session: one live connection. The core knows this interface only; WebSocket is its first form.
 */
import type { Codec } from '@tidings/protocol'
import type { RateLimit } from '../limits/rate-limit.js'
import type { Outbound } from './outbound.js'

/** What a connection said when it was made; header names are lower case. */
export interface Handshake {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** Path and query as they were sent. */
  readonly url: string
  readonly remoteAddress: string
  /** Limits per address leave it alone: it comes from this machine, and through no trusted proxy. */
  readonly isExempt: boolean
  /** The Origin of the page that opened the connection, kept after `headers` are forgotten. Cut when it is long. */
  readonly origin: string | undefined
}

/** What a frame, or a further command in one, costs at least, so that many small ones are not cheaper than few large ones. */
export const ITEM_COST_BYTES = 256

export interface Connection {
  readonly handshake: Handshake
  readonly codec: Codec
  /** Whether shared frames are sent compressed. */
  readonly isDeflated: boolean
  readonly outbound: Outbound
  /** Bytes that came in so far. */
  readonly bytesReceived: number
  /** Bytes that the operating system took for the peer so far. */
  readonly bytesTaken: number
  /** Whether it is not read from, so that nothing the peer says can be heard. */
  readonly isPaused: boolean
  /**
   * Whose it is is known now: it is read from whenever it has something, and the handshake's headers are forgotten, which
   * cost more memory than all the rest of an idle connection. `bytes`: what it sends is charged there from now on, and not to its address.
   */
  known(bytes?: RateLimit): void
  /** Asks the peer for a sign of life that its protocol answers by itself. */
  ping(): void
  /** Counts what the peer sent; beyond its rate the connection is not read from until it is within it again. */
  spend(bytes: number): void
  /** Stops handing frames over until `resume`; what is already read still comes. Calls nest. */
  pause(): void
  resume(): void
  /** Says goodbye; the connection ends once the peer answers, or after the close deadline. */
  close(code: number, reason: string): void
  /** Ends it at once. */
  terminate(): void
}

/** Handles a connection's frames, in the order they come. No method may throw. */
export interface ConnectionHandler {
  frame(data: Buffer, isText: boolean): void
  /** A ping or a pong came. */
  controlFrame?(): void
  /** The peer broke the rules of the transport, and the connection ends for it. `why`: one sentence. */
  broken(why: string): void
  /** Called once. `clean`: the peer said goodbye. */
  closed(clean: boolean): void
}
