import type { Member } from '@tidings/protocol'
import type { PresenceStore } from '../backend/backend.js'
import { Shares } from '../backend/shares.js'
import { type RunningTimeout, setRunningTimeout } from '../running-timeout.js'
import { memberOf, type Session } from './session.js'

export type PresenceFailed = (session: Session, channel: string, error: unknown) => void

interface Entry {
  /** Whose entry it is now: a client that reconnects takes its entry over from its old session. */
  owner: Session
  readonly enteredAt: number
  leaveTimer: RunningTimeout | undefined
  /** What it counts for, and whose share that is of. */
  readonly bytes: number
  readonly account: string
}

/** What an entry takes beside its data. */
const OVERHEAD_BYTES = 512

/**
 * The presence entries of this node's sessions. An entry ends when its session says goodbye, or some time after its
 * connection broke, unless the same client has taken it over by then: a reconnect is neither a leave nor an enter.
 */
export class PresenceEntries {
  readonly #store: PresenceStore
  readonly #maxBytes: number
  readonly #shares: Shares
  #bytes = 0
  readonly #graceMs: number
  readonly #now: () => number
  /** By channel and member. */
  readonly #entries = new Map<string, Entry>()
  /** Told when an entry could not be removed from the store. */
  readonly #failed: PresenceFailed

  /** `maxBytes`: for the entries of all. */
  constructor(store: PresenceStore, maxBytes: number, graceMs: number, now: () => number, failed: PresenceFailed) {
    this.#store = store
    this.#maxBytes = maxBytes
    this.#shares = new Shares(maxBytes)
    this.#graceMs = graceMs
    this.#now = now
    this.#failed = failed
  }

  /** Whether the memory for presence, and the account's share of it, have room for the entry in place of the one it replaces. */
  hasRoom(channel: string, member: Omit<Member, 'enteredAt'>, account: string): boolean {
    const before = this.#entries.get(entryKey(channel, member.member))
    const more = bytesOf(channel, member.data) - (before?.bytes ?? 0)
    return more <= 0 || (this.#bytes + more <= this.#maxBytes && this.#shares.hasRoom(account, more))
  }

  /** Rejects with BackendError. */
  async put(session: Session, channel: string, member: Omit<Member, 'enteredAt'>, account: string): Promise<void> {
    const key = entryKey(channel, member.member)
    const before = this.#entries.get(key)
    before?.leaveTimer?.clear()
    const enteredAt = before?.enteredAt ?? this.#now()
    const bytes = bytesOf(channel, member.data)
    const entry: Entry = { owner: session, enteredAt, leaveTimer: undefined, bytes, account }
    this.#count(before, -1)
    this.#entries.set(key, entry)
    this.#count(entry, 1)
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
    this.#count(entry, -1)
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

  #count(entry: Entry | undefined, sign: 1 | -1): void {
    if (entry === undefined) return
    this.#bytes += sign * entry.bytes
    if (sign > 0) this.#shares.add(entry.account, entry.bytes)
    else this.#shares.remove(entry.account, entry.bytes)
  }

  #leaveLater(session: Session, channel: string): void {
    if (session.identity === undefined) return
    const entry = this.#entries.get(entryKey(channel, memberOf(session.identity)))
    if (entry?.owner !== session) return
    const leave = (): void => this.leaveQuietly(session, channel)
    entry.leaveTimer = setRunningTimeout(leave, this.#graceMs, { ref: false })
  }
}

const bytesOf = (channel: string, data: Member['data']): number =>
  OVERHEAD_BYTES + channel.length + Buffer.byteLength(JSON.stringify(data))

const entryKey = (channel: string, member: string): string => `${member} ${channel}`
