import { setTimeout as sleep } from 'node:timers/promises'
import type { Codec, Position, ServerMessage, SlowPolicy } from '@tidings/protocol'
import type { Random } from '../random.js'
import type { NewEvent } from '../checker/history.js'
import { ClientLink } from './client-link.js'
import { hashOf, randomData } from './payload.js'
import { WireSession } from './wire-session.js'
import { between, MARKER_PREFIX, type Subscriber, type World } from './world.js'

export interface RawSubscriberOptions {
  readonly name: string
  readonly channel: string
  readonly codec: Codec
  readonly policy?: SlowPolicy
  /** It asks for everything that is kept. */
  readonly wholeLog?: boolean
}

const EVERYTHING = 1_000_000
const MAX_SUB = 15
const FIRST_RETRY_MS = 20

/** A client that keeps its position by itself and comes back with it; what the server says is recorded as it is. */
export class RawSubscriber implements Subscriber {
  readonly name: string
  readonly channel: string
  readonly markers = new Set<string>()
  readonly #world: World
  readonly #options: RawSubscriberOptions
  readonly #link: ClientLink
  readonly #random: Random
  readonly #subscription: number
  #session: WireSession | undefined
  #position: Position | undefined
  #sub = 0
  #askedMs = 0
  #sleepMs = 0
  /** Resolves when it may come back. */
  #mayReturn: Promise<void> | undefined
  /** Whether its latest subscription was given all there was. */
  isCaughtUp = false
  #phase: 'off' | 'asked' | 'on' | 'leaving' = 'off'
  #hasLeft = false
  /** Publishes that are not answered, by the id of their command. */
  readonly #asked = new Map<number, number>()
  #publishes = 0

  constructor(world: World, options: RawSubscriberOptions) {
    const { name, channel, codec, policy, wholeLog = false } = options
    this.name = name
    this.channel = channel
    this.#world = world
    this.#options = options
    this.#random = world.random(name)
    this.#link = new ClientLink(name, world.runOf, () => world.recorder.nowMs)
    this.#subscription = world.recorder.nextSubscription()
    const how = `raw ${codec.subprotocol}, ${policy ?? 'default policy'}${wholeLog ? ', whole log' : ''}`
    world.recorder.record({ kind: 'subscribe', subscription: this.#subscription, channel, client: name, how, wholeLog })
    void this.#run()
  }

  /** Takes nothing from its socket for a while. */
  async stopReading(ms: number): Promise<void> {
    const { socket } = this.#session ?? {}
    if (socket === undefined) return
    socket.pause()
    await sleep(ms)
    socket.resume()
  }

  /** Its connection ends, and it comes back only after a while. */
  sleep(ms: number): void {
    this.#sleepMs = ms
    this.#session?.end()
  }

  /** Its connection ends, and it comes back only once this has resolved. */
  sleepUntil(mayReturn: Promise<void>): void {
    this.#mayReturn = mayReturn
    this.#session?.end()
  }

  /** Unsubscribes, and subscribes again where it stopped. */
  rejoin(): void {
    if (this.#phase !== 'on') return
    this.#phase = 'leaving'
    this.#session?.send({ type: 'unsubscribe', channel: this.channel, sub: this.#sub })
  }

  /** Publishes something itself, and gets a mark in its place. */
  speak(): void {
    if (this.#phase !== 'on') return
    const { recorder, maxPayloadBytes } = this.#world
    const attempt = recorder.nextAttempt()
    this.#publishes += 1
    const id = `${this.name}-${this.#publishes}`
    const data = randomData(this.#random, maxPayloadBytes)
    const content = { channel: this.channel, publisher: this.name, id, hash: hashOf(data) }
    const own = { connection: this.#link.connection, client: this.name, unheard: 'session' } as const
    this.#record({ kind: 'publish', attempt, ...content, ...own })
    const command = { type: 'publish', channel: this.channel, publicationId: id, data, echo: false } as const
    this.#asked.set(this.#session?.send(command) ?? 0, attempt)
  }

  leave(): void {
    if (this.#hasLeft) return
    this.#hasLeft = true
    this.#giveUp()
    this.#record({ kind: 'left', subscription: this.#subscription })
    this.#session?.end()
  }

  #record(event: NewEvent): void {
    this.#world.recorder.record(event)
  }

  async #run(): Promise<void> {
    const { codec } = this.#options
    while (!this.#isOver()) {
      const identity = { token: this.name, client: `secret ${this.name}` }
      this.#session = new WireSession(this.#link, this.#world.url, codec, identity, (message) => this.#take(message))
      await this.#session.closed
      this.#giveUp()
      if (this.#phase !== 'off' && !this.#isOver()) this.#record({ kind: 'lost', subscription: this.#subscription })
      this.#phase = 'off'
      this.isCaughtUp = false
      await sleep(this.#sleepMs + between(this.#random, FIRST_RETRY_MS, 5 * FIRST_RETRY_MS))
      this.#sleepMs = 0
      await this.#mayReturn
    }
  }

  /** What is not answered by now has an unknown outcome. */
  #giveUp(): void {
    for (const attempt of this.#asked.values()) this.#record({ kind: 'unknown', attempt, code: 'lost' })
    this.#asked.clear()
  }

  // A method, because the application leaves while something is awaited.
  #isOver(): boolean {
    return this.#hasLeft
  }

  #ask(): void {
    const { policy, wholeLog } = this.#options
    const begin = wholeLog === true ? { rewind: { count: EVERYTHING } } : {}
    this.#sub = between(this.#random, 0, MAX_SUB)
    this.#askedMs = this.#world.recorder.nowMs
    this.#phase = 'asked'
    this.#session?.send({
      type: 'subscribe',
      channel: this.channel,
      sub: this.#sub,
      ...(this.#position === undefined ? begin : { from: this.#position }),
      ...(policy === undefined ? undefined : { policy }),
    })
  }

  #take(message: ServerMessage): void {
    if (this.#hasLeft) return
    switch (message.type) {
      case 'connected':
      case 'unsubscribed':
        if (message.type === 'unsubscribed') this.#record({ kind: 'lost', subscription: this.#subscription })
        this.#ask()
        break
      case 'subscribed':
        this.#joined(message.position)
        break
      case 'published':
        this.#acknowledged(message)
        break
      case 'error':
        this.#refused(message)
        break
      case 'publications':
        for (const item of message.publications) this.#item(item)
        break
      case 'gap': {
        const { from, to, reason, missed } = message
        this.#position = to
        this.#record({ kind: 'gap', subscription: this.#subscription, from, to, reason, missed })
        break
      }
      case 'caught-up': {
        const { position } = message
        this.#position = position
        this.isCaughtUp = true
        this.#record({ kind: 'caught-up', subscription: this.#subscription, position })
        break
      }
      default:
    }
  }

  #acknowledged(reply: Extract<ServerMessage, { type: 'published' }>): void {
    const attempt = this.#asked.get(reply.id)
    if (attempt === undefined) return
    this.#asked.delete(reply.id)
    const { offset, position, durability, duplicate = false } = reply
    const { run, connection } = this.#link
    const known = run === undefined ? undefined : { run }
    this.#record({ kind: 'acknowledged', attempt, offset, position, durability, duplicate, connection, ...known })
  }

  #refused({ id, code, retryable }: Extract<ServerMessage, { type: 'error' }>): void {
    const attempt = this.#asked.get(id)
    this.#asked.delete(id)
    if (attempt === undefined) {
      this.#session?.end()
      return
    }
    const provesNothing = retryable && (code === 'unavailable' || code === 'internal')
    this.#record({ kind: provesNothing ? 'unknown' : 'rejected', attempt, code })
  }

  #joined(position: Position): void {
    const { run, connection } = this.#link
    this.#phase = 'on'
    this.#position ??= position
    this.#record({
      kind: 'joined',
      subscription: this.#subscription,
      askedMs: this.#askedMs,
      position,
      connection,
      ...(run === undefined ? undefined : { run }),
    })
  }

  #item(item: Extract<ServerMessage, { type: 'publications' }>['publications'][number]): void {
    const { offset, position, id } = item
    const { run } = this.#link
    this.#position = position
    if (id.startsWith(MARKER_PREFIX)) this.markers.add(id)
    this.#record({
      kind: 'item',
      subscription: this.#subscription,
      offset,
      position,
      id,
      ...(run === undefined ? undefined : { run }),
      ...('echo' in item
        ? undefined
        : { publisher: item.publisher ?? '', hash: hashOf(item.data, item.key), time: item.time }),
    })
  }
}
