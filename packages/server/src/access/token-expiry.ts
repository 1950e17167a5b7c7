import type { Session } from '../session/session.js'

/** How long before a token's end the session is asked for the next one … */
const ASK_BEFORE_MS = 30_000
/** … but not sooner than when this part of the time that it had left is over. */
const ASK_AT_PART = 0.5
const MIN_ASK_INTERVAL_MS = 1000
const TICK_MS = 250

interface Watched {
  readonly endsAtMs: number
  askAtMs: number
}

/**
 * Ends sessions whose token has expired, after asking for another one: one timer for all of a node's sessions, and the
 * wall clock, as tokens have it. Asks again each time half of what was left is over, because the first answer may fail.
 */
export class TokenExpiry {
  readonly #now: () => number
  readonly #sessions = new Map<Session, Watched>()
  readonly #timer: NodeJS.Timeout

  constructor(now: () => number) {
    this.#now = now
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    this.#timer.unref()
  }

  /** From now on the session ends at this time, and at none before. undefined: never. */
  watch(session: Session, endsAtMs: number | undefined): void {
    if (endsAtMs === undefined) return this.forget(session)
    const leftMs = endsAtMs - this.#now()
    const askBeforeMs = Math.min(ASK_BEFORE_MS, leftMs * ASK_AT_PART)
    this.#sessions.set(session, { endsAtMs, askAtMs: endsAtMs - askBeforeMs })
  }

  forget(session: Session): void {
    this.#sessions.delete(session)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#sessions.clear()
  }

  #tick(): void {
    const now = this.#now()
    for (const [session, watched] of this.#sessions) {
      const leftMs = watched.endsAtMs - now
      if (leftMs <= 0) {
        this.#sessions.delete(session)
        session.disconnect(4005)
      } else if (now >= watched.askAtMs) {
        watched.askAtMs = now + Math.max(MIN_ASK_INTERVAL_MS, leftMs / 2)
        session.connection.outbound.send({ type: 'token-expiring', expiresInMs: Math.floor(leftMs) })
      }
    }
  }
}
