import type { Heartbeat } from '../options.js'
import { tickMsOf } from './freshness.js'
import type { Session } from './session.js'

/** A connection's counters at the latest tick. */
interface Pulse {
  received: number
  taken: number
  buffered: number
  /** Monotonic time of the last sign of life. */
  at: number
  pinged: boolean
}

/**
 * Finds connections whose peer is gone: one timer for all of a node's sessions. A peer shows life by any byte it sends, or
 * by taking bytes that waited for it; one that shows none is pinged, then closed with 4001, soon after the deadline: see
 * `longestSilenceMs`.
 */
export class Heartbeats {
  readonly #rules: Heartbeat
  readonly #monotonic: () => number
  readonly #pulses = new Map<Session, Pulse>()
  readonly #tickMs: number
  readonly #timer: NodeJS.Timeout
  #tickedAt: number

  constructor(rules: Heartbeat, monotonic: () => number) {
    this.#rules = rules
    this.#monotonic = monotonic
    this.#tickMs = tickMsOf(rules)
    this.#tickedAt = monotonic()
    this.#timer = setInterval(() => this.#tick(), this.#tickMs)
    this.#timer.unref()
  }

  add(session: Session): void {
    this.#pulses.set(session, { received: 0, taken: 0, buffered: 0, at: this.#monotonic(), pinged: false })
  }

  remove(session: Session): void {
    this.#pulses.delete(session)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#pulses.clear()
  }

  #tick(): void {
    const now = this.#monotonic()
    const sinceTickMs = now - this.#tickedAt
    this.#tickedAt = now
    // While this process stood still it heard nobody, and it has not read yet what came meanwhile.
    const uncountedMs = sinceTickMs > 2 * this.#tickMs ? sinceTickMs : 0
    for (const [session, pulse] of this.#pulses) {
      pulse.at += uncountedMs
      if (showsLife(pulse, session)) {
        pulse.at = now
        pulse.pinged = false
      } else if (now - pulse.at >= this.#rules.deadlineMs) {
        this.#pulses.delete(session)
        session.disconnect(4001)
        session.connection.terminate()
      } else if (!pulse.pinged && now - pulse.at >= this.#rules.intervalMs) {
        pulse.pinged = true
        session.connection.ping()
      }
    }
  }
}

/**
 * Bytes that our own system took say nothing of the peer, unless its buffer was full before: then the peer made room.
 * A peer that owes us nothing and that we do not listen to cannot show any life, and is not held to it. Updates the pulse.
 */
const showsLife = (pulse: Pulse, { connection }: Session): boolean => {
  const { bytesReceived, bytesTaken, outbound, isPaused } = connection
  const { bufferedBytes } = outbound
  const isAlive =
    bytesReceived !== pulse.received ||
    (pulse.buffered > 0 && bytesTaken > pulse.taken) ||
    (isPaused && bufferedBytes === 0)
  pulse.received = bytesReceived
  pulse.taken = bytesTaken
  pulse.buffered = bufferedBytes
  return isAlive
}
