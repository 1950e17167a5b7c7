import type { DisconnectCode } from '@tidings/protocol'
import type { LimitReached } from '../observe/limits-reached.js'
import type { Observer } from '../observe/observer.js'
import type { Heartbeat, Limits } from '../options.js'
import { setRunningTimeout } from '../running-timeout.js'
import type { Connection } from '../transport/transport.js'
import type { Dispatch } from './command-queue.js'
import type { FreshnessRules } from './freshness.js'
import { Heartbeats } from './heartbeat.js'
import { RateLimit, type Rate } from '../limits/rate-limit.js'
import { Session, type SessionListener } from './session.js'

export interface SessionsParts {
  readonly limits: Limits
  readonly heartbeat: Heartbeat
  readonly monotonic: () => number
  /** A session that brings a frame which may be older than this ends: its id may be forgotten. */
  readonly maxFrameAgeMs: number
  readonly reached: LimitReached
  readonly observer: Pick<Observer, 'refused'>
  /** A session ended; `clean`: it said goodbye. Its subscriptions have ended already. */
  readonly ended: (session: Session, clean: boolean) => void
}

/** The node's sessions, from their connection's start to its end. */
export class Sessions implements SessionListener {
  readonly #parts: SessionsParts
  readonly #sessions = new Set<Session>()
  readonly #heartbeats: Heartbeats
  readonly #rate: Rate
  readonly #freshness: FreshnessRules
  #whenEmpty: (() => void) | undefined

  constructor(parts: SessionsParts) {
    this.#parts = parts
    this.#heartbeats = new Heartbeats(parts.heartbeat, parts.monotonic)
    const { limits, monotonic, maxFrameAgeMs } = parts
    this.#rate = { perSecond: limits.commandsPerSecond, burst: limits.commandBurst, monotonic }
    this.#freshness = { monotonic, maxAgeMs: maxFrameAgeMs }
  }

  get size(): number {
    return this.#sessions.size
  }

  open(connection: Connection, dispatch: Dispatch): Session {
    const { limits } = this.#parts
    const session = new Session(connection, limits, dispatch, new RateLimit(this.#rate), this.#freshness, this)
    this.#sessions.add(session)
    this.#heartbeats.add(session)
    return session
  }

  late({ connection }: Session): void {
    this.#parts.reached('connectDeadlineMs', connection.handshake.remoteAddress)
  }

  refused(session: Session, code: string, why?: string): void {
    this.#parts.observer.refused({ code, why, ...session.actor })
  }

  ended(session: Session, clean: boolean): void {
    this.#heartbeats.remove(session)
    for (const held of [...session.subscriptions.values()]) held.end()
    this.#parts.ended(session, clean)
  }

  closed(session: Session): void {
    this.#sessions.delete(session)
    if (this.#sessions.size === 0) this.#whenEmpty?.()
  }

  find(id: string): Session | undefined {
    for (const session of this.#sessions) if (session.id === id) return session
    return undefined
  }

  /** How many were meant and had not ended before. */
  disconnectAll(code: DisconnectCode, isMeant: (session: Session) => boolean = () => true): number {
    const meant = [...this.#sessions].filter((session) => !session.ended && isMeant(session))
    for (const session of meant) session.disconnect(code)
    return meant.length
  }

  /** Resolves when every connection has ended; those that take longer than `drainMs` are cut. */
  async close(drainMs: number): Promise<void> {
    this.#heartbeats.stop()
    if (this.#sessions.size === 0) return
    const cut = setRunningTimeout(() => {
      for (const session of [...this.#sessions]) session.connection.terminate()
    }, drainMs)
    const empty = new Promise<void>((resolve) => {
      this.#whenEmpty = resolve
    })
    this.disconnectAll(4000)
    await empty
    cut.clear()
  }
}
