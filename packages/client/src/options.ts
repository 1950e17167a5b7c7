import type { Contract } from '@tidings/contract'
import type { Codec } from '@tidings/protocol'

/** Bytes that share no memory with another thread, in the words of every version of TypeScript. */
type FrameBytes = ReturnType<Uint8ArrayConstructor['of']>

/** What the SDK needs of a WebSocket; browsers', Node's and `ws`'s have it. */
export interface WebSocketLike {
  binaryType: string
  onopen: unknown
  onmessage: unknown
  onerror: unknown
  onclose: unknown
  send(data: string | FrameBytes): void
  close(code?: number, reason?: string): void
  /** Ends it without a closing handshake, where there is such a thing. */
  terminate?(): void
}

export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike

/**
 * Given to a token callback. `signal` aborts when the attempt it is for ends, and after 15 s. If the callback goes on
 * nevertheless, the next attempt waits for its answer instead of calling it a second time.
 */
export interface TokenRequest {
  readonly signal: AbortSignal
}

/** Milliseconds. The monotonic one may stand still while the machine sleeps; the wall clock may jump. */
export interface ClientClock {
  monotonicMs(): number
  wallMs(): number
}

export interface ClientOptions<App extends Contract = Contract> {
  /**
   * ws:// or wss:// addresses of nodes, tried in turn. http:// and https:// are understood, and in a page also addresses that
   * begin with / or a dot. Where there is no page, such as in a server that renders one, those throw at the first use only.
   */
  readonly url: string | readonly string[]
  /**
   * Who this client is. A callback is asked at every connection attempt; when it throws, the attempt is repeated with
   * backoff. When the server refuses its token, it is asked once more before the client closes. It is asked too when the
   * token is about to expire, and what it gives then goes to the server over the open connection. A string is never
   * renewed: the connection ends with it.
   */
  readonly token?: string | ((request: TokenRequest) => string | Promise<string>) | undefined
  /** Checks data against the schemas before it is sent, and channel names against the patterns. */
  readonly contract?: App | undefined
  /** Default JSON. For MessagePack: `import { msgpackCodec } from '@tidings/client/msgpack'`. */
  readonly codec?: Codec | undefined
  /** Default `globalThis.WebSocket`. On Node 20 pass the one of the package `ws`. */
  readonly WebSocket?: WebSocketConstructor | undefined
  /** A secret random string that names this client across its connections. Default: a new one. */
  readonly clientId?: string | undefined
  /** Publishes that may wait for an acknowledgement at once; further ones fail with `queue-full`. Default 1000. */
  readonly maxQueuedPublishes?: number | undefined
  /**
   * Items that may wait for the application in one subscription before it stops taking more, and resumes later. What is
   * in the frame that reaches this still fits. Default 1000.
   */
  readonly maxBufferedItems?: number | undefined
  /**
   * Bounds of the exponential backoff, which has full jitter. Default 500 and 5000. After a goodbye of the server (it
   * restarts) the first attempt comes within a second.
   */
  readonly backoff?: { readonly minMs: number; readonly maxMs: number } | undefined
  readonly clock?: ClientClock | undefined
}
