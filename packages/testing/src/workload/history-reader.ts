import { setTimeout as sleep } from 'node:timers/promises'
import type { Client, Position } from '@tidings/client'
import type { Random } from '../random.js'
import type { ClientLink } from './client-link.js'
import { hashOf } from './payload.js'
import { between, oneOf, openClient, type World } from './world.js'

/** Reads histories a page at a time, each from the oldest to the newest; recorded like a subscription. */
export class HistoryReader {
  readonly #world: World
  readonly #client: Client
  readonly #link: ClientLink
  readonly #random: Random
  readonly #channels: readonly [string, ...string[]]
  readonly #name: string
  #isOver = false

  constructor(world: World, name: string, channels: readonly [string, ...string[]]) {
    this.#world = world
    this.#name = name
    this.#channels = channels
    this.#random = world.random(name)
    ;({ client: this.#client, link: this.#link } = openClient(world, name))
    void this.#run()
  }

  stop(): void {
    this.#isOver = true
    this.#client.close()
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      await this.#readOne(oneOf(this.#random, this.#channels))
      await sleep(between(this.#random, 100, 1000))
    }
  }

  async #readOne(name: string): Promise<void> {
    const { recorder } = this.#world
    const subscription = recorder.nextSubscription()
    recorder.record({ kind: 'subscribe', subscription, channel: name, client: this.#name, how: 'history' })
    const channel = this.#client.channel(name)
    let from: Position | undefined
    for (let more = true; more && !this.#isOver; ) {
      const limit = between(this.#random, 1, 200)
      const page = await channel.history({ limit, ...(from === undefined ? undefined : { from }) })
      if (!page.ok) return
      const { run } = this.#link
      const told = run === undefined ? undefined : { run }
      if (page.gap !== null) {
        const { from: begin, to, reason, missed } = page.gap
        recorder.record({ kind: 'gap', subscription, from: begin, to, reason, missed })
      }
      for (const { offset, position, id, publisher, data, key, time } of page.items) {
        const content = { id, publisher: publisher ?? '', hash: hashOf(data, key), time }
        recorder.record({ kind: 'item', subscription, offset, position, ...content, ...told })
      }
      from = page.position
      more = page.more
    }
    recorder.record({ kind: 'left', subscription })
  }
}
