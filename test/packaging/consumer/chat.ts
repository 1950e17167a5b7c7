/** What a user of the packages writes; type-checked against the packed packages, not against the sources. */
import { createServer } from 'node:http'
import { type Client, createClient } from '@tidings/client'
import { msgpackCodec } from '@tidings/client/msgpack'
import { channel, defineContract } from '@tidings/contract'
import { createTidings } from '@tidings/server'
import { memory } from '@tidings/server/memory'
import { WebSocket } from 'ws'
import * as z from 'zod'

const app = defineContract({
  'chat:{room}': channel({ data: z.object({ text: z.string() }), history: { maxCount: 100 }, presence: true }),
  lobby: channel({ data: z.number() }),
})
type App = typeof app

interface Cursor {
  readonly x: number
  readonly label?: string
}

export const serve = async (): Promise<void> => {
  const tidings = createTidings({
    contract: app,
    backend: memory(),
    tokens: { keys: [{ secret: 'x'.repeat(32) }] },
    allow: { 'chat:{room}': { subscribe: ({ params }) => params.room !== 'secret', publish: true } },
  })
  const server = createServer((request, response) => tidings.respondHealth(request, response))
  const detach = tidings.attach(server, { path: '/ws' })
  const outcome = await tidings.channel('chat:{room}', { room: 'lobby' }).publish({ text: 'up' }, { id: 'boot-1' })
  if (!outcome.ok) console.error(outcome.error.code)
  // @ts-expect-error: the data does not fit the schema
  await tidings.channel('lobby').publish('text')
  // @ts-expect-error: no such channel
  tidings.channel('news:{id}', { id: '1' })
  detach()
  await tidings.close()
}

export const chat = async (signal: AbortSignal): Promise<Client<App>> => {
  const client = createClient<App>({ url: 'ws://127.0.0.1:8080/ws', codec: msgpackCodec, WebSocket })
  const lobby = client.channel('chat:{room}', { room: 'lobby' })
  const sent = await lobby.publish({ text: 'hi' })
  if (sent.ok) console.log(sent.position, sent.durability)
  const cursor: Cursor = { x: 1 }
  await lobby.presence.enter(cursor)
  // @ts-expect-error: JSON has no maps
  await lobby.presence.update(new Map())
  // @ts-expect-error: the parameter has another name
  client.channel('chat:{room}', { name: 'lobby' })
  // @ts-expect-error: the data does not fit the schema
  lobby.publish({ text: 1 })
  for await (const item of lobby.subscribe({ rewind: 50, signal })) {
    if (item.kind === 'gap') console.log(item.reason)
    else console.log(item.data.text.toUpperCase(), item.publisher)
  }
  return client
}
