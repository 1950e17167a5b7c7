import {
  type ConnectedReply,
  DISCONNECT_CODES,
  type DisconnectCode,
  type ErrorReply,
  isRecord,
  mayReconnect,
} from '@tidings/protocol'
import { backoffCapMs } from './backoff.js'
import { CONNECT_ID } from './commands.js'
import { isOffline, watchNetwork } from './network.js'
import type { Settings } from './settings.js'
import { largestMessageMs } from './slow-link.js'
import { startStopwatch, type Stopwatch } from './stopwatch.js'
import { malformed } from './tidings-error.js'
import { TokenRequests } from './token-requests.js'
import type { WebSocketConstructor, WebSocketLike } from './options.js'
import type { ClientState, ClientStateChange, DisconnectReason, Off } from './types.js'

const BAD_FRAME: DisconnectCode = 4500
/** For the opening handshake and the reply to `connect`. */
const CONNECT_TIMEOUT_MS = 15_000
const PONG_TIMEOUT_MS = 10_000
/** After the network changed, or the page came back, a dead connection should be noticed soon. */
const PROBE_TIMEOUT_MS = 5000

/** Close codes of a server that goes: it, or another node, is about to be there. RFC 6455 section 7.4.1, 4000 is ours. */
const GOODBYES = [1001, 1012, 4000]
/** The first attempt after a goodbye comes within this time. */
const RETURN_MS = 1000

/** How long the server may take to answer a goodbye. */
const GOODBYE_TIMEOUT_MS = 2000
/** Failures that a missing network may cause. */
const UNREACHED = ['connection-lost', 'connect-timeout', 'heartbeat-timeout', 'token-failed']

/** Told in this order: `opened`, then messages, then `lost`; the state after each. */
export interface ConnectionEvents {
  opened(connected: ConnectedReply): void
  /** May throw: the server sent something malformed. */
  message(message: Record<string, unknown>): void
  /** Nothing was heard for a while: send a ping. */
  silent(): void
  /** `isBlamed`: the server closed the connection because it could not read what it was sent. */
  lost(isBlamed: boolean): void
  /** For good: after `lost`, before the state `closed`. */
  ended(reason: DisconnectReason | undefined): void
  state(change: ClientStateChange): void
}

/** Closes a connection without a goodbye, where there is no way but a close: this client will be back. */
const GIVEN_UP = 3000

export const noop = (): void => undefined
const never: Stopwatch = () => 0

/** Keeps one connection up: attempts with backoff over the addresses, the handshake, heartbeats. */
export class Connection {
  readonly #settings: Settings
  readonly #events: ConnectionEvents
  #state: ClientState = 'idle'
  #WebSocket: WebSocketConstructor | undefined
  #socket: WebSocketLike | undefined
  readonly tokens: TokenRequests
  /** The retry, the deadline of an attempt or the heartbeat: there is only one at a time. */
  #timer: ReturnType<typeof setTimeout> | undefined
  #unwatchNetwork: Off = noop
  /** In a row. */
  #failures = 0
  #wasRefused = false
  #opened: Stopwatch = never
  #heard: Stopwatch = never
  #largestMs = 0
  #isSilent = false
  #isBlamed = false
  #pingIntervalMs = 0

  constructor(settings: Settings, events: ConnectionEvents) {
    this.#settings = settings
    this.#events = events
    this.tokens = new TokenRequests(settings.token)
  }

  get state(): ClientState {
    return this.#state
  }

  /** Only while idle or closed. */
  connect(WebSocket: WebSocketConstructor): void {
    this.#WebSocket = WebSocket
    this.#failures = 0
    this.#wasRefused = false
    this.#unwatchNetwork = watchNetwork(({ type }) => {
      if (this.#state === 'waiting') {
        if (!isOffline()) this.#retry()
        return
      }
      // A page that comes back over the same network: the message that followed the last one may still be on its way.
      this.#probe(PROBE_TIMEOUT_MS, type === 'visibilitychange' ? this.#largestMs - this.#heard() : 0)
    })
    this.#retry()
  }

  /** Only while connected. */
  transmit(frame: string | Uint8Array): void {
    this.#socket?.send(frame as string | Uint8Array<ArrayBuffer>)
  }

  /** Ends this session, and tries again unless that is final. */
  fail(code: string, message = code, isFinal = false, isGoodbye = false): void {
    if (this.#isClosed()) return
    const { backoff, token, addresses } = this.#settings
    const boundMs = isGoodbye ? RETURN_MS : Infinity
    let capMs = backoffCapMs(Math.floor(this.#failures / addresses.length), backoff)
    // Only a connection that lasted longer than the wait before it counts as a success; a second is enough before a goodbye.
    if (this.#state === 'connected' && this.#opened() > Math.min(capMs, boundMs)) {
      capMs = Math.min(backoff.maxMs, isGoodbye ? RETURN_MS : backoff.minMs)
      this.#failures = 0
      this.#wasRefused = false
    }
    const isAskedAgain = code === 'unauthorized' && typeof token === 'function' && !this.#wasRefused
    if (isFinal && !isAskedAgain) {
      this.end({ code, message })
      return
    }
    // Browsers are wrong at times, as behind a VPN: attempts go on, slowly, until one event or the other.
    const isAway = isOffline() && UNREACHED.includes(code)
    const retryInMs = isAway ? backoff.maxMs * (1 + Math.random()) : Math.random() * capMs
    const reason = { code: isAway ? 'offline' : code, message }
    this.#wasRefused ||= isAskedAgain
    this.#failures++
    this.#leave('waiting')
    if (this.#isClosed()) return
    this.#arm(retryInMs, () => this.#retry())
    this.#set({ state: 'waiting', retryInMs, reason })
  }

  #set(change: ClientStateChange): void {
    this.#state = change.state
    this.#events.state(change)
  }

  #arm(delayMs: number, then: () => void): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(then, delayMs)
  }

  // ── attempts

  #retry(): void {
    clearTimeout(this.#timer)
    this.#set({ state: 'connecting' })
    if (this.#isClosed()) return
    this.tokens.ask(
      (token) => this.#open(token),
      (error) => this.fail('token-failed', String(error)),
    )
  }

  #open(token: string | undefined): void {
    const { addresses, codec, clientId } = this.#settings
    const WebSocket = this.#WebSocket
    if (!WebSocket) return
    this.#arm(CONNECT_TIMEOUT_MS, () => this.fail('connect-timeout'))
    let socket: WebSocketLike
    let why = ''
    try {
      socket = new WebSocket(addresses[this.#failures % addresses.length] ?? '', [codec.subprotocol])
    } catch (error) {
      this.fail('connection-lost', String(error))
      return
    }
    this.#socket = socket
    this.#isBlamed = false
    socket.binaryType = 'arraybuffer'
    socket.onopen = () => this.transmit(codec.encode({ type: 'connect', id: CONNECT_ID, token, client: clientId }))
    socket.onmessage = ({ data }: { data: unknown }) => this.#receive(data)
    socket.onerror = ({ message = '' }: { message?: string }) => {
      why = message.replace('Unexpected server response', 'refused') // By `ws` on Node; browsers do not tell.
    }
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => {
      // Not the reason: that may be any text.
      const name = DISCONNECT_CODES[code as DisconnectCode] as string | undefined
      this.#isBlamed = code === BAD_FRAME
      this.fail(
        name ?? 'connection-lost',
        reason || why || `closed with ${code}`,
        !mayReconnect(code),
        GOODBYES.includes(code),
      )
    }
  }

  #handshake(message: Record<string, unknown>): void {
    if (message.id !== CONNECT_ID) return
    if (message.type === 'error') {
      const { code, message: why, retryable } = message as unknown as ErrorReply
      this.fail(code, why, !retryable)
      return
    }
    const connected = message as unknown as ConnectedReply
    const { pingIntervalMs, retryWindowMs, limits } = connected
    if (!(pingIntervalMs > 0 && retryWindowMs >= 0 && limits.maxFrameBytes > 0 && limits.maxPayloadBytes > 0))
      malformed()
    this.#opened = this.#heard
    this.#largestMs = largestMessageMs(limits)
    this.#pingIntervalMs = pingIntervalMs
    this.#state = 'connected'
    this.#listen()
    this.#events.opened(connected)
    if (!this.#isClosed()) this.#set({ state: 'connected' })
  }

  /** The application's listeners may close the client at any time; the compiler does not expect that of a field. */
  #isClosed(): boolean {
    return this.#state === 'closed'
  }

  // ── a live connection

  #receive(data: unknown): void {
    const socket = this.#socket
    this.#heard = startStopwatch(this.#settings.clock)
    this.#isSilent = false
    try {
      const messages = this.#settings.codec.decode(
        typeof data === 'string' ? data : new Uint8Array(data as ArrayBuffer),
      )
      for (const message of messages ?? [undefined]) {
        if (this.#socket !== socket) return
        if (!isRecord(message)) return malformed()
        if (this.#state === 'connected') this.#events.message(message)
        else this.#handshake(message)
      }
    } catch (error) {
      if (this.#socket === socket) this.fail('bad-frame', String(error))
    }
  }

  /** Waits until nothing was heard for the interval, then asks for an answer. */
  #listen(): void {
    const leftMs = this.#pingIntervalMs - this.#heard()
    if (leftMs > 0) this.#arm(leftMs, () => this.#listen())
    else this.#probe(PONG_TIMEOUT_MS, this.#largestMs)
  }

  /** `largestMs`: how long a message that comes before the answer may take. */
  #probe(deadlineMs: number, largestMs: number): void {
    if (this.#state !== 'connected') return
    this.#isSilent = true
    this.#events.silent()
    this.#arm(Math.max(deadlineMs, largestMs), () => {
      if (this.#isSilent) this.fail('heartbeat-timeout')
      else this.#listen()
    })
  }

  // ── the end of a connection

  /** The session is over in any case; tells so if there was one. */
  #leave(state: 'waiting' | 'closed'): void {
    const wasConnected = this.#state === 'connected'
    const socket = this.#socket
    this.#state = state
    this.#socket = undefined
    clearTimeout(this.#timer)
    this.tokens.drop()
    if (socket) {
      // An `error` event must still find a listener: `ws` emits one when it is closed while it connects.
      socket.onopen = socket.onmessage = socket.onclose = socket.onerror = noop
      if (state === 'waiting' && socket.terminate) socket.terminate()
      else socket.close(state === 'waiting' ? GIVEN_UP : 1000)
      // `ws` would wait for an answer, and keep the process, for 30 seconds.
      if (state === 'closed' && socket.terminate) {
        const timer = setTimeout(() => socket.terminate?.(), GOODBYE_TIMEOUT_MS)
        socket.onclose = () => clearTimeout(timer)
      }
    }
    if (wasConnected) this.#events.lost(this.#isBlamed)
  }

  /** For good. */
  end(reason?: DisconnectReason): void {
    if (this.#isClosed()) return
    this.#unwatchNetwork()
    this.#leave('closed')
    this.tokens.forget()
    this.#events.ended(reason)
    this.#events.state({ state: 'closed', ...(reason && { reason }) })
  }
}
