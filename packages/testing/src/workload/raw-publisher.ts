import { setTimeout as sleep } from 'node:timers/promises'
import type { Codec, PublicationData, ServerMessage } from '@tidings/protocol'
import type { Random } from '../random.js'
import { ClientLink } from './client-link.js'
import { hashOf, randomData } from './payload.js'
import { WireSession } from './wire-session.js'
import { between, oneOf, type Publisher, type World } from './world.js'

/** What the clients of one user published lately, so that one can repeat what another one did. */
export type Recent = Sent[]

interface Sent {
  readonly channel: string
  readonly id: string
  readonly data: PublicationData
  /** When it was handed out for the first time, on the recorder's clock. */
  readonly firstMs: number
}

export interface RawPublisherOptions {
  readonly name: string
  readonly user: string
  readonly channels: readonly [string, ...string[]]
  readonly codec: Codec
  readonly perSecond: number
  readonly recent: Recent
}

interface Pending extends Sent {
  readonly attempt: number
  sendings: number
}

const MAX_PENDING = 40
const MAX_RECENT = 30

/**
 * A client that sends what is not acknowledged again after a reconnect, in its order; and on purpose repeats ids, with
 * the same data and with other data, of its own and of another client of its user, acknowledged or not.
 */
export class RawPublisher implements Publisher {
  readonly #world: World
  readonly #options: RawPublisherOptions
  readonly #link: ClientLink
  readonly #random: Random
  readonly #timer: NodeJS.Timeout
  readonly #pending = new Set<Pending>()
  readonly #asked = new Map<number, Pending>()
  #session: WireSession | undefined
  #isConnected = false
  #isResting = false
  #isOver = false
  #count = 0
  /** How long after its first sending the server lets a publication be sent again. */
  #retryWindowMs = 0

  constructor(world: World, options: RawPublisherOptions) {
    this.#world = world
    this.#options = options
    this.#random = world.random(options.name)
    this.#link = new ClientLink(options.name, world.runOf, () => world.recorder.nowMs)
    this.#timer = setInterval(() => this.#publishSome(), Math.max(1, 1000 / options.perSecond))
    void this.#run()
  }

  get unsettled(): number {
    return this.#pending.size
  }

  get clientPort(): number {
    return this.#link.clientPort
  }

  rest(isResting: boolean): void {
    this.#isResting = isResting
  }

  stop(): void {
    this.#isOver = true
    clearInterval(this.#timer)
    this.#session?.end()
    const { recorder } = this.#world
    for (const { attempt } of this.#pending) recorder.record({ kind: 'unknown', attempt, code: 'stopped' })
    this.#pending.clear()
  }

  async #run(): Promise<void> {
    const { user, name, codec } = this.#options
    while (!this.#isOver) {
      const identity = { token: user, client: `secret ${name}` }
      this.#session = new WireSession(this.#link, this.#world.url, codec, identity, (message) => this.#take(message))
      await this.#session.closed
      this.#isConnected = false
      this.#asked.clear()
      await sleep(between(this.#random, 20, 100))
    }
  }

  #publishSome(): void {
    if (this.#isResting || this.#pending.size >= MAX_PENDING) return
    const { channels, recent, name } = this.#options
    const old = recent[between(this.#random, 0, recent.length - 1)]
    if (old !== undefined && this.#random.chance(0.15) && this.#mayRepeat(old)) {
      const data = this.#random.chance(0.3) ? `other than before ${this.#count}` : old.data
      this.#publish({ ...old, data })
      return
    }
    this.#count += 1
    const channel = oneOf(this.#random, channels)
    const publication = {
      channel,
      id: `${name}-${this.#count}`,
      data: randomData(this.#random, this.#world.maxPayloadBytes),
      firstMs: this.#world.recorder.nowMs,
    }
    recent.push(publication)
    if (recent.length > MAX_RECENT) recent.shift()
    this.#publish(publication, this.#random.chance(0.03) ? 2 : 1)
  }

  /** `times`: in one frame. */
  #publish(publication: Omit<Pending, 'attempt' | 'sendings'>, times = 1): void {
    const { recorder } = this.#world
    const { channel, id, data } = publication
    const pending: Pending[] = []
    for (let time = 0; time < times; time += 1) {
      const attempt = recorder.nextAttempt()
      const connection = this.#isConnected ? { connection: this.#link.connection } : undefined
      const { user } = this.#options
      recorder.record({ kind: 'publish', attempt, channel, publisher: user, id, hash: hashOf(data), ...connection })
      pending.push({ ...publication, attempt, sendings: 0 })
    }
    for (const each of pending) this.#pending.add(each)
    if (this.#isConnected) this.#send(pending)
  }

  #send(pending: readonly Pending[]): void {
    const commands = pending.map(({ channel, id, data }) => ({
      ...{ type: 'publish' as const, channel, publicationId: id, data },
    }))
    let id = this.#session?.send(...commands) ?? 0
    for (const each of pending) {
      each.sendings += 1
      this.#asked.set(id++, each)
    }
  }

  #take(message: ServerMessage): void {
    if (this.#isOver) return
    if (message.type === 'connected') {
      this.#isConnected = true
      this.#retryWindowMs = message.retryWindowMs
      for (const pending of this.#pending) {
        if (this.#mayRepeat(pending)) this.#send([pending])
        else this.#giveUp(pending, 'outcome-unknown')
      }
      return
    }
    if (!('id' in message)) return
    const pending = this.#asked.get(message.id)
    if (pending === undefined) return
    this.#asked.delete(message.id)
    if (message.type === 'published') this.#acknowledged(pending, message)
    else if (message.type === 'error') this.#failed(pending, message)
  }

  #mayRepeat({ firstMs }: Sent): boolean {
    return this.#world.recorder.nowMs - firstMs < this.#retryWindowMs
  }

  /** It will not be sent again, and nobody can know whether it was stored. */
  #giveUp(pending: Pending, code: string): void {
    this.#pending.delete(pending)
    this.#world.recorder.record({ kind: 'unknown', attempt: pending.attempt, code })
  }

  #acknowledged(pending: Pending, reply: Extract<ServerMessage, { type: 'published' }>): void {
    const { offset, position, durability, duplicate = false } = reply
    const { run, connection } = this.#link
    this.#pending.delete(pending)
    this.#world.recorder.record({
      ...{ kind: 'acknowledged', attempt: pending.attempt, offset, position, durability, duplicate, connection },
      ...(run === undefined ? undefined : { run }),
    })
  }

  #failed(pending: Pending, { code, retryable }: Extract<ServerMessage, { type: 'error' }>): void {
    if (retryable) {
      // The order of what is in flight would be lost: it is sent again with everything else.
      this.#session?.end()
      return
    }
    this.#pending.delete(pending)
    // Only the first sending's refusal proves that none was stored.
    const kind = pending.sendings === 1 ? 'rejected' : 'unknown'
    this.#world.recorder.record({ kind, attempt: pending.attempt, code })
  }
}
