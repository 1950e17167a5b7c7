import type { Client, PublishResult } from '@tidings/client'
import type { Codec } from '@tidings/protocol'
import type { Random } from '../random.js'
import type { Recorder } from '../recorder/recorder.js'
import type { ClientLink } from './client-link.js'
import { hashOf, randomData } from './payload.js'
import { between, openClient, oneOf, type Publisher, type World } from './world.js'

export interface SdkPublisherOptions {
  readonly name: string
  /** Several clients of one user share its ids. */
  readonly user: string
  readonly channels: readonly [string, ...string[]]
  readonly codec?: Codec
  readonly perSecond: number
  /** Whether it publishes the same twice now and then. */
  readonly repeats: boolean
}

const MAX_UNSETTLED = 40

interface NewPublish {
  readonly channel: string
  readonly data: unknown
  /** Absent: the SDK makes one, and the client's own subscriptions are not to be handed the publication. */
  readonly id?: string
  readonly key?: string
}

/** Publishes over the SDK, and records that and what becomes of it. */
export const recordPublish = (
  recorder: Recorder,
  { client, link, user }: { readonly client: Client; readonly link: ClientLink; readonly user: string },
  { channel, data, id, key }: NewPublish,
): PromiseLike<PublishResult> => {
  const attempt = recorder.nextAttempt()
  const connection = client.state === 'connected' ? { connection: link.connection } : undefined
  // Nothing leaves before the end of this turn.
  const pending = client
    .channel(channel)
    .publish(data, { id, key, ...(id === undefined ? { echo: false } : undefined) })
  const unheard = id === undefined ? { client: link.name, unheard: 'client' as const } : undefined
  const content = { channel, publisher: user, id: pending.id, hash: hashOf(data, key) }
  recorder.record({ kind: 'publish', attempt, ...content, ...connection, ...unheard })
  return pending.then((result) => {
    recordResult(recorder, attempt, result, link)
    return result
  })
}

const recordResult = (recorder: Recorder, attempt: number, result: PublishResult, link: ClientLink): void => {
  if (!result.ok) {
    const { code } = result.error
    recorder.record({ kind: code === 'outcome-unknown' ? 'unknown' : 'rejected', attempt, code })
    return
  }
  const { offset, position, durability, duplicate } = result
  const { run, connection } = link
  recorder.record({
    ...{ kind: 'acknowledged', attempt, offset, position, durability, duplicate, connection },
    ...(run === undefined ? undefined : { run }),
  })
}

/** An application that publishes over the SDK, now and then the same again. */
export class SdkPublisher implements Publisher {
  readonly #world: World
  readonly #options: SdkPublisherOptions
  readonly #random: Random
  readonly #timer: NodeJS.Timeout
  #client: Client
  #link: ClientLink
  #clients = 1
  #count = 0
  #isResting = false
  unsettled = 0

  constructor(world: World, options: SdkPublisherOptions) {
    this.#world = world
    this.#options = options
    this.#random = world.random(options.name)
    ;({ client: this.#client, link: this.#link } = this.#open())
    this.#timer = setInterval(() => this.#publishSome(), Math.max(1, 1000 / options.perSecond))
  }

  get clientPort(): number {
    return this.#link.clientPort
  }

  rest(isResting: boolean): void {
    this.#isResting = isResting
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#client.close()
  }

  /** Closes its client and goes on with a new one of the same user. */
  replace(): void {
    this.#client.close()
    this.#clients += 1
    ;({ client: this.#client, link: this.#link } = this.#open())
  }

  #open(): { readonly client: Client; readonly link: ClientLink } {
    const { name, user, codec } = this.#options
    return openClient(this.#world, `${name}.${this.#clients}`, {
      user,
      ...(codec === undefined ? undefined : { codec }),
    })
  }

  #publishSome(): void {
    if (this.#isResting || this.unsettled >= MAX_UNSETTLED) return
    this.#count += 1
    const channel = oneOf(this.#random, this.#options.channels)
    const id = `${this.#options.name}-${this.#count}`
    const data = randomData(this.#random, this.#world.maxPayloadBytes)
    const key = this.#random.chance(0.1) ? { key: `key ${between(this.#random, 1, 5)}` } : {}
    const times = this.#options.repeats && this.#random.chance(0.1) ? 2 : 1
    for (let time = 0; time < times; time += 1) this.#publish({ channel, data, id, ...key })
  }

  #publish(publish: Parameters<typeof recordPublish>[2]): void {
    const who = { client: this.#client, link: this.#link, user: this.#options.user }
    this.unsettled += 1
    void recordPublish(this.#world.recorder, who, publish).then(() => {
      this.unsettled -= 1
    })
  }
}
