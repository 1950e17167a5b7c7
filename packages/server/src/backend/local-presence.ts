import type { Member } from '@tidings/protocol'
import type { MemberChange, PresenceStore, PresenceWatch } from './backend.js'
import { Listeners } from './listeners.js'

interface Change {
  readonly change: MemberChange
  readonly member: Member
}

interface Present {
  readonly members: Map<string, Member>
  readonly listeners: Listeners<Change>
}

/** Presence of a node that is alone: changes are told in the same turn. */
export class LocalPresence implements PresenceStore {
  readonly #channels = new Map<string, Present>()

  put(channel: string, member: Member): Promise<void> {
    const present = this.#presentIn(channel)
    const change = present.members.has(member.member) ? 'updated' : 'entered'
    present.members.set(member.member, member)
    present.listeners.tell({ change, member })
    return Promise.resolve()
  }

  remove(channel: string, name: string): Promise<void> {
    const present = this.#channels.get(channel)
    const member = present?.members.get(name)
    if (present !== undefined && member !== undefined) {
      present.members.delete(name)
      present.listeners.tell({ change: 'left', member })
      this.#forgetIfEmpty(channel, present)
    }
    return Promise.resolve()
  }

  members(channel: string): Promise<readonly Member[]> {
    return Promise.resolve([...(this.#channels.get(channel)?.members.values() ?? [])])
  }

  watch(channel: string, listener: (change: MemberChange, member: Member) => void): Promise<PresenceWatch> {
    const present = this.#presentIn(channel)
    const watch = present.listeners.add(({ change, member }) => listener(change, member))
    const stop = (): void => {
      watch.stop()
      this.#forgetIfEmpty(channel, present)
    }
    return Promise.resolve({ members: [...present.members.values()], stop })
  }

  #presentIn(channel: string): Present {
    let present = this.#channels.get(channel)
    if (present === undefined) {
      present = { members: new Map(), listeners: new Listeners() }
      this.#channels.set(channel, present)
    }
    return present
  }

  #forgetIfEmpty(channel: string, present: Present): void {
    if (present.members.size > 0 || present.listeners.count > 0) return
    if (this.#channels.get(channel) === present) this.#channels.delete(channel)
  }
}
