import type { Member } from '@tidings/protocol'
import type { PresenceStore } from '../backend.js'

interface Entry {
  readonly owner: object
  readonly channel: string
  readonly member: Member
}

/**
 * Which worker made which presence entry: an entry ends with its worker, and a worker from which a client went away to
 * another one does not remove what is the other's now.
 */
export class OwnedPresence {
  readonly #store: PresenceStore
  readonly #entries = new Map<string, Entry>()

  constructor(store: PresenceStore) {
    this.#store = store
  }

  /** A client that comes back on another worker has been here since it first came. */
  put(owner: object, channel: string, member: Member): Promise<void> {
    const key = keyOf(channel, member.member)
    const before = this.#entries.get(key)
    const kept = before === undefined ? member : { ...member, enteredAt: before.member.enteredAt }
    this.#entries.set(key, { owner, channel, member: kept })
    return this.#store.put(channel, kept)
  }

  /** Does nothing when the entry is another worker's. */
  remove(owner: object, channel: string, member: string): Promise<void> {
    const key = keyOf(channel, member)
    if (this.#entries.get(key)?.owner !== owner) return Promise.resolve()
    this.#entries.delete(key)
    return this.#store.remove(channel, member)
  }

  /** Removes all entries of a worker. */
  async ownerGone(owner: object): Promise<void> {
    const gone = [...this.#entries.values()].filter((entry) => entry.owner === owner)
    await Promise.all(gone.map(({ channel, member }) => this.remove(owner, channel, member.member)))
  }
}

const keyOf = (channel: string, member: string): string => `${member} ${channel}`
