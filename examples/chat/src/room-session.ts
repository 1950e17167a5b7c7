import { type Channel, type Client, createClient, type Subscription, TidingsError } from '@tidings/client'
import type { Chat } from '../contract.js'
import { type Connection, connectionOf } from './connection-words.js'
import { RoomHistory } from './room-history.js'
import { type Person, People } from './people.js'
import { type Line, Timeline } from './timeline.js'
import { Typing } from './typing.js'
import { Unread } from './unread.js'

const REWIND = 50
/** Beyond it the oldest lines are let go while the reader is at the end; scrolling up loads them again. */
const MAX_ITEMS = 10_000

type ChatChannel = Channel<{ text: string }>

export interface SessionOptions {
  readonly url: string
  readonly name: string
  readonly room: string
}

/**
 * One person in one room: the connection, and everything the page shows of it. Tells listeners once a turn that
 * something changed. Ends with `close`.
 */
export class RoomSession {
  readonly name: string
  readonly room: string
  readonly timeline: Timeline
  readonly unread = new Unread()
  readonly typing: Typing
  readonly history: RoomHistory
  readonly #people = new People()
  readonly #client: Client<Chat>
  readonly #channel: ChatChannel
  readonly #abort = new AbortController()
  readonly #listeners = new Set<() => void>()
  #connection: Connection = { kind: 'connecting' }
  #wasConnected = false
  #isReady = false
  #isRetired = false
  #latest: Line | undefined
  #sentCount = 0
  #refusal: string | undefined
  #scheduled = false

  constructor({ url, name, room }: SessionOptions) {
    this.name = name
    this.room = room
    this.timeline = new Timeline(name)
    this.#client = createClient<Chat>({ url, token: name })
    this.#client.on('state', (change) => {
      this.#connection = connectionOf(change, Date.now())
      if (change.state === 'connected') this.#wasConnected = true
      else if (this.#wasConnected) this.typing.clear()
      this.changed()
    })
    this.#channel = this.#client.channel('chat:{room}', { room })
    this.history = new RoomHistory(this.#channel, this.timeline, this.#abort.signal, () => this.changed())
    this.typing = new Typing(this.#client.channel('typing:{room}', { room }), {
      me: name,
      signal: this.#abort.signal,
      isConnected: () => this.#connection.kind === 'connected',
      changed: () => this.changed(),
    })
    void this.#follow()
    void this.#channel.presence.enter()
  }

  get connection(): Connection {
    return this.#connection
  }

  /** It was connected at least once: what is missing was lost, not awaited. */
  get wasConnected(): boolean {
    return this.#wasConnected
  }

  /** The lines that were there before are all shown; what comes now is new. */
  get isReady(): boolean {
    return this.#isReady
  }

  get people(): readonly Person[] {
    return this.#people.list(this.name)
  }

  /** Why the room cannot be read. */
  get refusal(): string | undefined {
    return this.#refusal
  }

  /** Lines sent from here: it rises with each. */
  get sentCount(): number {
    return this.#sentCount
  }

  /** The last line by somebody else that came while the room was open. */
  get latest(): Line | undefined {
    return this.#latest
  }

  /** Stops with the returned function. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  send(text: string): void {
    const publish = this.#channel.publish({ text: text.toWellFormed() })
    this.#sentCount++
    this.timeline.locals.add(publish.id, text, Date.now())
    this.typing.sent()
    this.changed()
    void publish.then((result) => {
      this.timeline.locals.settle(publish.id, result)
      if (this.#isRetired && !this.timeline.locals.isUnsettled) this.close()
      this.changed()
    })
  }

  /** Writes an unsettled line again, as a new one: the server never stored the old one, or nobody knows. */
  sendAgain(id: string): void {
    const line = this.timeline.locals.remove(id)
    if (line !== undefined) this.send(line.text)
  }

  discard(id: string): void {
    this.timeline.locals.remove(id)
    this.changed()
  }

  /** Where the reader is: see `Unread`. */
  look(where: { readonly isVisible?: boolean; readonly isAtEnd?: boolean }): void {
    if (this.unread.look(where)) this.changed()
  }

  /** Tries to connect now instead of at the end of the wait: the SDK does so when it hears that the network is back. */
  tryNow(): void {
    dispatchEvent(new Event('online'))
  }

  /** Leaves the room; the connection stays until one's own lines are settled. */
  retire(): void {
    this.#isRetired = true
    if (this.timeline.locals.isUnsettled) void this.#channel.presence.leave()
    else this.close()
  }

  /** The room is shown again. */
  revive(): void {
    if (!this.#isRetired) return
    this.#isRetired = false
    void this.#channel.presence.enter()
  }

  close(): void {
    this.#abort.abort()
    this.#client.close()
    this.#listeners.clear()
  }

  get isClosed(): boolean {
    return this.#abort.signal.aborted
  }

  changed(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    // Not an animation frame: those stand still in a hidden tab, whose title must go on counting.
    setTimeout(() => {
      this.#scheduled = false
      for (const listener of this.#listeners) listener()
    })
  }

  async #follow(): Promise<void> {
    const subscription = this.#channel.subscribe({ rewind: REWIND, presence: true, signal: this.#abort.signal })
    this.#watch(subscription)
    try {
      for await (const item of subscription) {
        if (item.kind === 'gap') this.timeline.appendGap(item)
        else this.#arrived(this.timeline.append(item))
        this.changed()
      }
    } catch (error) {
      if (!(error instanceof TidingsError)) throw error
      this.#refusal = error.message
      this.changed()
    }
  }

  #watch(subscription: Subscription): void {
    subscription.on('members', (members) => {
      this.#people.replace(members)
      this.changed()
    })
    subscription.on('member', ({ change, member }) => {
      this.#people.change(change, member)
      this.changed()
    })
    subscription.on('caught-up', () => {
      // Items that were received may still be on their way through the iterator; they come in microtasks.
      setTimeout(() => {
        this.#isReady = true
        this.changed()
      })
    })
  }

  #arrived(line: Line | undefined): void {
    if (line === undefined) return
    if (line.isVerified) this.typing.stopped(line.author)
    if (this.#isReady && !line.isMine) {
      this.unread.arrived()
      this.#latest = line
    }
    if (this.unread.isAtEnd && this.timeline.trim(MAX_ITEMS)) this.history.trimmed()
  }
}
