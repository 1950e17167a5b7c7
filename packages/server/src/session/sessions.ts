import type { DisconnectCode } from '@tidings/protocol'
import type { Heartbeat, Limits } from '../options.js'
import type { Connection } from '../transport/transport.js'
import type { Dispatch } from './command-queue.js'
import { Heartbeats } from './heartbeat.js'
import { Session } from './session.js'

export interface SessionsParts {
  readonly limits: Limits
  readonly heartbeat: Heartbeat
  readonly monotonic: () => number
  /** A session ended; `clean`: it said goodbye. Its subscriptions have ended already. */
  readonly ended: (session: Session, clean: boolean) => void
}

/** The node's sessions, from their connection's start to its end. */
export class Sessions {
  readonly #parts: SessionsParts
  readonly #sessions = new Set<Session>()
  readonly #heartbeats: Heartbeats
  #whenEmpty: (() => void) | undefined

  constructor(parts: SessionsParts) {
    this.#parts = parts
    this.#heartbeats = new Heartbeats(parts.heartbeat, parts.monotonic)
  }

  get size(): number {
    return this.#sessions.size
  }

  open(connection: Connection, dispatch: Dispatch): Session {
    const { limits, monotonic, ended } = this.#parts
    const session = new Session(connection, limits, dispatch, monotonic, {
      ended: (clean) => {
        this.#heartbeats.remove(session)
        for (const held of [...session.subscriptions.values()]) held.end()
        ended(session, clean)
      },
      closed: () => {
        this.#sessions.delete(session)
        if (this.#sessions.size === 0) this.#whenEmpty?.()
      },
    })
    this.#sessions.add(session)
    this.#heartbeats.add(session)
    return session
  }

  disconnectAll(code: DisconnectCode): void {
    for (const session of [...this.#sessions]) session.disconnect(code)
  }

  /** Resolves when every connection has ended; those that take longer than `drainMs` are cut. */
  async close(drainMs: number): Promise<void> {
    this.#heartbeats.stop()
    if (this.#sessions.size === 0) return
    const cut = setTimeout(() => {
      for (const session of [...this.#sessions]) session.connection.terminate()
    }, drainMs)
    const empty = new Promise<void>((resolve) => {
      this.#whenEmpty = resolve
    })
    this.disconnectAll(4000)
    await empty
    clearTimeout(cut)
  }
}
