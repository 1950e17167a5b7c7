/** One who talks to itself over a server that others keep busy, to tell what that costs everybody else. */
import { createClient } from '@tidings/client'
import { WebSocket } from 'ws'
import { percentile } from './statistics.mjs'

const CHANNEL = 'chat:bystander'
const PER_SECOND = 50
const MIN_SAMPLES = 20

export class Bystander {
  #client
  #delays = /** @type {number[]} */ ([])

  /** @param {number} port */
  constructor(port) {
    const url = `ws://127.0.0.1:${port}/ws`
    this.#client = createClient({ url, token: 'member-0', WebSocket, backoff: { minMs: 5, maxMs: 20 } })
    const subscription = this.#client.channel(CHANNEL).subscribe()
    subscription.on('item', (item) => {
      if (item.kind === 'gap') return
      const { text } = /** @type {{ text: string }} */ (item.data)
      this.#delays.push(performance.now() - Number(text))
    })
  }

  /** Rejects when it is not acknowledged. @param {string} channel */
  async publish(channel) {
    const result = await this.#client.channel(channel).publish({ text: String(performance.now()) })
    if (!result.ok) throw new Error(`the bystander cannot publish: ${result.error.message}`)
  }

  /**
   * Publishes at its pace from now on, as long as it is connected. `p99Ms` ends that, and tells how long publications were
   * under way.
   */
  measure() {
    this.#delays.length = 0
    const timer = setInterval(() => {
      if (this.#client.state === 'connected') void this.publish(CHANNEL)
    }, 1000 / PER_SECOND)
    return {
      p99Ms: () => {
        clearInterval(timer)
        return this.#delays.length < MIN_SAMPLES ? undefined : percentile(this.#delays, 0.99)
      },
    }
  }

  end() {
    this.#client.close()
  }
}
