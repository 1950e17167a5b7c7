import type { Contract } from '@tidings/contract'
import { onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { type Client, type ClientOptions, type ClientStateChange, createClient } from '../src/index.js'

/** A client that retries soon and is closed when the test ends. */
export const testClient = <App extends Contract = Contract>(options: ClientOptions<App>): Client<App> => {
  const client = createClient<App>({ WebSocket, backoff: { minMs: 1, maxMs: 20 }, ...options })
  onTestFinished(() => client.close())
  return client
}

/** Resolves at the next change to this state. */
export const untilState = (client: Pick<Client, 'on'>, state: ClientStateChange['state']): Promise<ClientStateChange> =>
  new Promise((resolve) => {
    const off = client.on('state', (change) => {
      if (change.state !== state) return
      off()
      resolve(change)
    })
  })

/** The next `count` items of an iterator that must have them. */
export const take = async <Item>(iterator: AsyncIterator<Item, undefined>, count: number): Promise<Item[]> => {
  const items: Item[] = []
  while (items.length < count) {
    const { done, value } = await iterator.next()
    if (done === true) throw new Error(`the iterator ended after ${items.length} of ${count} items`)
    items.push(value)
  }
  return items
}

/** A clock that the test sets. */
export class TestClock {
  monotonic = 0
  wall = 1_000_000

  monotonicMs(): number {
    return this.monotonic
  }

  wallMs(): number {
    return this.wall
  }
}
