import { channel, defineContract } from '@tidings/contract'
import { type LocalNode, RawClient, type RawClientOptions, startNode, type StartNodeOptions } from '@tidings/testing'
import { afterEach } from 'vitest'
import { z } from 'zod'
import { memory } from './backend/memory/index.js'

/** The contract and the node that the server's own tests use. */
export const contract = defineContract({
  'chat:{room}': channel({
    data: z.object({ text: z.string().max(20) }),
    history: { maxCount: 100 },
    presence: true,
  }),
  'any:{name}': channel({ history: { maxCount: 3 } }),
  'long:{name}': channel({ history: { maxCount: 10_000 } }),
  'typing:{room}': channel({}),
  'private:{id}': channel({ history: { maxCount: 10 } }),
})

export type App = typeof contract

const open: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

const everything = { subscribe: true, publish: true, presence: true }

/** Ends with the test. The token is the user; `bad` is refused; without one anonymous. */
export const start = async (options: Partial<StartNodeOptions<App>> = {}): Promise<LocalNode<App>> => {
  const node = await startNode<App>({
    contract,
    backend: memory(),
    authenticate: ({ token }) => {
      if (token === 'bad') throw new Error('no such user')
      return token === undefined ? null : { id: token }
    },
    allow: {
      'chat:{room}': everything,
      'any:{name}': everything,
      'long:{name}': everything,
      'typing:{room}': everything,
      'private:{id}': { subscribe: ({ user, params }) => Promise.resolve(user?.id === params.id) },
    },
    ...options,
  })
  open.push(() => node.close())
  return node
}

/** Ends with the test. */
export const connect = async (node: { readonly url: string }, options: RawClientOptions = {}): Promise<RawClient> => {
  const client = await RawClient.open(node.url, options)
  open.push(async () => {
    client.socket.terminate()
    await client.closed
  })
  return client
}

/** Publishes whole numbers one after the other; their positions. */
export const publishNumbers = async (client: RawClient, name: string, count: number, from = 0): Promise<string[]> => {
  const positions: string[] = []
  for (let index = from; index < from + count; index++) {
    const reply = await client.request({ type: 'publish', channel: name, data: index })
    positions.push((reply as { position: string }).position)
  }
  return positions
}
