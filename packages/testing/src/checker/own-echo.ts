import type { ChannelLogs } from './channel-logs.js'
import type { EventOf, History, PublishEvent } from './history.js'
import { contentOf } from './publishes.js'

type Publish = EventOf<'publish'>

/** What clients published and asked not to hear: they get a mark in its place, or the SDK leaves it out. */
export class OwnEcho {
  readonly #logs: ChannelLogs
  readonly #byContent = new Map<string, Publish>()
  readonly #byId = new Map<string, Publish[]>()
  readonly #leftOut = new Map<string, Publish[]>()

  constructor(history: History, logs: ChannelLogs) {
    this.#logs = logs
    for (const event of history.events) {
      if (event.kind !== 'publish' || event.unheard === undefined) continue
      this.#byContent.set(`${event.channel} ${contentOf(event)}`, event)
      note(this.#byId, `${event.channel} ${event.id}`, event)
      if (event.unheard === 'client') note(this.#leftOut, `${event.channel} ${event.client ?? ''}`, event)
    }
  }

  /** The publish that a client asked not to hear, if a publication is one. */
  find(channel: string, client: string, content: string): Publish | undefined {
    const found = this.#byContent.get(`${channel} ${content}`)
    return found?.client === client ? found : undefined
  }

  /** Whether a mark for this id at this offset stands for something that this client asked not to hear. */
  isMarked(channel: string, client: string, id: string, place: { readonly content: string } | undefined): boolean {
    const published = this.#byId.get(`${channel} ${id}`) ?? []
    return published.some((each) => each.client === client && (place === undefined || isAt(each, place.content)))
  }

  /** Whether a client may have been given nothing of a stretch of a log because all of it is its own. */
  covers(channel: string, client: string, log: string, first: number, last: number): boolean {
    const own = this.#leftOut.get(`${channel} ${client}`)
    if (own === undefined || last - first >= own.length) return false
    let unknown = 0
    for (let offset = first; offset <= last; offset += 1) {
      const content = this.#logs.at(log, offset)?.content
      if (content === undefined) unknown += 1
      else if (this.find(channel, client, content)?.unheard !== 'client') return false
    }
    // Of those that nobody else saw either, some may be there.
    return unknown === 0 || unknown <= own.filter((each) => !this.#logs.has(log, contentOf(each))).length
  }

  /** Whether a client leaves out what is its own on a channel. */
  leavesOut(channel: string, client: string): boolean {
    return this.#leftOut.has(`${channel} ${client}`)
  }
}

const isAt = (publish: PublishEvent, content: string): boolean => contentOf(publish) === content

const note = (map: Map<string, Publish[]>, key: string, event: Publish): void => {
  const known = map.get(key)
  if (known === undefined) map.set(key, [event])
  else known.push(event)
}
