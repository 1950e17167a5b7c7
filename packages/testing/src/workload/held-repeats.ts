import { setTimeout as sleep } from 'node:timers/promises'
import { jsonCodec, type ServerMessage } from '@tidings/protocol'
import type { Random } from '../random.js'
import { ClientLink } from './client-link.js'
import { hashOf } from './payload.js'
import { WireSession } from './wire-session.js'
import { between, oneOf, type World } from './world.js'

export interface HeldRepeatsOptions {
  readonly name: string
  readonly channels: readonly [string, ...string[]]
  readonly dedupeWindowMs: number
  /** Called for each repeat that was held up. */
  onHeld(): void
}

/** A repeat leaves so much before the client may repeat no more. */
const LAST_MOMENT_MS = [20, 150] as const
/** The network delivers it so long before or after the first one's id may be forgotten. */
const AROUND_WINDOW_MS = [-300, 600] as const

type Answer = Extract<ServerMessage, { type: 'published' | 'error' }>

/**
 * A client that publishes, does not believe the acknowledgement, and repeats itself at the last moment that the server allows,
 * over a connection whose bytes the network holds up until the id may be forgotten. Whatever becomes of the repeat, it is
 * not to be stored again.
 */
export class HeldRepeats {
  readonly #world: World
  readonly #options: HeldRepeatsOptions
  readonly #random: Random
  readonly #link: ClientLink
  #session: WireSession | undefined
  #count = 0
  #isOver = false

  constructor(world: World, options: HeldRepeatsOptions) {
    this.#world = world
    this.#options = options
    this.#random = world.random(options.name)
    this.#link = new ClientLink(options.name, world.runOf, () => world.recorder.nowMs)
    void this.#run()
  }

  stop(): void {
    this.#isOver = true
    this.#session?.end()
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      await this.#publishTwice()
      await sleep(between(this.#random, 20, 200))
    }
  }

  async #publishTwice(): Promise<void> {
    const { recorder } = this.#world
    this.#count += 1
    const publication = {
      channel: oneOf(this.#random, this.#options.channels),
      publicationId: `${this.#options.name}-${this.#count}`,
      data: `held up ${this.#count}`,
    }
    const first = await this.#connect()
    if (first === undefined) return
    const sentMs = recorder.nowMs
    const answer = await this.#publish(publication)
    this.#session?.end()
    if (answer?.type !== 'published') return
    await sleep(Math.max(0, sentMs + first.retryWindowMs - between(this.#random, ...LAST_MOMENT_MS) - recorder.nowMs))
    const again = await this.#connect()
    // A server that was started meanwhile may allow another time, and connecting takes a while.
    if (again === undefined || recorder.nowMs - sentMs >= again.retryWindowMs) return
    const connection = this.#world.connectionOf(this.#link.clientPort)
    connection?.stall('to-server')
    const repeated = this.#publish(publication)
    await sleep(sentMs + this.#options.dedupeWindowMs + between(this.#random, ...AROUND_WINDOW_MS) - recorder.nowMs)
    connection?.resume('to-server')
    this.#options.onHeld()
    await repeated
    this.#session?.end()
  }

  /** Resolves once the session is connected; undefined: its connection ended first. */
  async #connect(): Promise<Extract<ServerMessage, { type: 'connected' }> | undefined> {
    const identity = { token: this.#options.name, client: `secret ${this.#options.name}` }
    return new Promise((resolve) => {
      const session = new WireSession(this.#link, this.#world.url, jsonCodec, identity, (message) => {
        if (message.type === 'connected') resolve(message)
        else this.#onMessage?.(message)
      })
      this.#session = session
      void session.closed.then(() => {
        resolve(undefined)
        this.#onMessage?.(undefined)
      })
    })
  }

  #onMessage: ((message: ServerMessage | undefined) => void) | undefined

  /** Resolves with the answer, which is recorded; undefined: the connection ended first. */
  async #publish(command: { channel: string; publicationId: string; data: string }): Promise<Answer | undefined> {
    const { recorder } = this.#world
    const attempt = recorder.nextAttempt()
    const { connection, run } = this.#link
    const { channel, publicationId: id, data } = command
    const content = { channel, publisher: this.#options.name, id, hash: hashOf(data) }
    recorder.record({ kind: 'publish', attempt, ...content, connection })
    const answer = await new Promise<Answer | undefined>((resolve) => {
      this.#onMessage = (message) => {
        if (message === undefined) resolve(undefined)
        else if (message.type === 'published' || message.type === 'error') resolve(message)
      }
      this.#session?.send({ type: 'publish', ...command })
    })
    this.#onMessage = undefined
    if (answer?.type === 'published') {
      const { offset, position, durability, duplicate = false } = answer
      const known = run === undefined ? undefined : { run }
      recorder.record({
        ...{ kind: 'acknowledged', attempt, offset, position, durability, duplicate, connection },
        ...known,
      })
    } else {
      recorder.record({ kind: 'unknown', attempt, code: answer?.code ?? 'lost' })
    }
    return answer
  }
}
