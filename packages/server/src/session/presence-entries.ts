import type { Member } from '@tidings/protocol'
import type { PresenceStore } from '../backend/backend.js'
import { type RunningTimeout, setRunningTimeout } from '../running-timeout.js'
import { memberOf, type Session } from './session.js'

export type PresenceFailed = (session: Session, channel: string, error: unknown) => void

interface Entry {
  /** Whose entry it is now: a client that reconnects takes its entry over from its old session. */
  owner: Session
  readonly enteredAt: number
  leaveTimer: RunningTimeout | undefined
}

/**
 * The presence entries of this node's sessions. An entry ends when its session says goodbye, or some time after its
 * connection broke, unless the same client has taken it over by then: a reconnect is neither a leave nor an enter.
 */
export class PresenceEntries {
  readonly #store: PresenceStore
  readonly #graceMs: number
  readonly #now: () => number
  /** By channel and member. */
  readonly #entries = new Map<string, Entry>()
  /** Told when an entry could not be removed from the store. */
  readonly #failed: PresenceFailed

  constructor(store: PresenceStore, graceMs: number, now: () => number, failed: PresenceFailed) {
    this.#store = store
    this.#graceMs = graceMs
    this.#now = now
    this.#failed = failed
  }

  /** Rejects with BackendError. */
  async put(session: Session, channel: string, member: Omit<Member, 'enteredAt'>): Promise<void> {
    const key = entryKey(channel, member.member)
    const before = this.#entries.get(key)
    before?.leaveTimer?.clear()
    const entry: Entry = { owner: session, enteredAt: before?.enteredAt ?? this.#now(), leaveTimer: undefined }
    this.#entries.set(key, entry)
    await this.#store.put(channel, { ...member, enteredAt: entry.enteredAt })
  }

  /** Rejects with BackendError. */
  async leave(session: Session, channel: string): Promise<void> {
    if (session.identity === undefined) return
    const member = memberOf(session.identity)
    const key = entryKey(channel, member)
    const entry = this.#entries.get(key)
    if (entry?.owner !== session) return
    entry.leaveTimer?.clear()
    this.#entries.delete(key)
    await this.#store.remove(channel, member)
  }

  /** For whoever is not told when the store fails. */
  leaveQuietly(session: Session, channel: string): void {
    this.leave(session, channel).catch((error: unknown) => this.#failed(session, channel, error))
  }

  /** The session has ended; `clean`: it said goodbye. */
  sessionEnded(session: Session, clean: boolean): void {
    for (const channel of session.entered) {
      if (clean) this.leaveQuietly(session, channel)
      else this.#leaveLater(session, channel)
    }
  }

  close(): void {
    for (const { leaveTimer } of this.#entries.values()) leaveTimer?.clear()
    this.#entries.clear()
  }

  #leaveLater(session: Session, channel: string): void {
    if (session.identity === undefined) return
    const entry = this.#entries.get(entryKey(channel, memberOf(session.identity)))
    if (entry?.owner !== session) return
    const leave = (): void => this.leaveQuietly(session, channel)
    entry.leaveTimer = setRunningTimeout(leave, this.#graceMs, { ref: false })
  }
}

const entryKey = (channel: string, member: string): string => `${member} ${channel}`
