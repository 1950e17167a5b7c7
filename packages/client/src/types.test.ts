import { channel, defineContract } from '@tidings/contract'
import { expect, expectTypeOf, test } from 'vitest'
import { WebSocket } from 'ws'
import * as z from 'zod'
import {
  type Channel,
  type Client,
  createClient,
  type JsonValue,
  type Subscription,
  type SubscriptionItem,
} from './index.js'

const app = defineContract({
  'chat:{room}': channel({ data: z.object({ text: z.string(), at: z.number().default(0) }) }),
  'docs:{path...}': channel({}),
  news: channel({ data: z.string() }),
})

test('types channels, parameters and data by the contract', () => {
  const client = createClient<typeof app>({ url: 'ws://127.0.0.1:1', WebSocket })
  const chat = client.channel('chat:{room}', { room: 'lobby' })
  expect(chat.name).toBe('chat:lobby')
  expectTypeOf<typeof client.channel<'chat:{room}'>>().parameters.toEqualTypeOf<
    ['chat:{room}', { readonly room: string }]
  >()
  expectTypeOf<typeof chat.publish>().parameter(0).toEqualTypeOf<{ text: string; at?: number | undefined }>()
  expectTypeOf<typeof chat.subscribe>().returns.toEqualTypeOf<Subscription<{ text: string; at: number }>>()
  type Item = SubscriptionItem<{ n: number }>
  expectTypeOf<Extract<Item, { readonly kind: 'publication' }>['data']>().toEqualTypeOf<{ n: number }>()
  expectTypeOf(client.channel('docs:{path...}', { path: 'a:b' })).toEqualTypeOf<Channel>()
  expectTypeOf(client.channel('news')).toEqualTypeOf<Channel<string, string>>()

  // @ts-expect-error the contract has no such pattern
  expect(() => client.channel('other:{x}')).toThrow()
  // @ts-expect-error the parameters are missing
  expect(() => client.channel('chat:{room}')).toThrow()
  // @ts-expect-error the parameter has another name
  expect(() => client.channel('chat:{room}', { name: 'lobby' })).toThrow()
  client.close()
})

test('infers the contract from the option', () => {
  const client = createClient({ url: 'ws://127.0.0.1:1', contract: app })
  expectTypeOf(client).toEqualTypeOf<Client<typeof app>>()
  client.close()
})

test('takes any channel and unknown data without a contract', () => {
  const client = createClient({ url: 'ws://127.0.0.1:1', WebSocket: globalThis.WebSocket })
  const name = 'chat:lobby' as string
  expect([client.channel('chat:lobby').name, client.channel(name).name]).toEqual([name, name])
  expect(client.channel('chat:{room}', { room: 'lobby' }).name).toBe(name)
  expectTypeOf<Channel['publish']>().parameter(0).toBeUnknown()
  expectTypeOf(client.channel(name)).toEqualTypeOf<Channel>()
  expectTypeOf<Channel['subscribe']>().returns.toExtend<AsyncIterable<SubscriptionItem>>()
  client.close()
})

test('tells a publish’s outcomes apart by ok', async () => {
  const client = createClient({ url: 'ws://127.0.0.1:1', WebSocket })
  const sent = client.channel('a').publish(1)
  client.close()
  const result = await sent
  if (result.ok) expectTypeOf(result.position).toBeString()
  else expect(result.error).toEqual({ code: 'closed', message: expect.any(String) as string, retryable: false })
})

interface Cursor {
  readonly x: number
  readonly label?: string | undefined
  readonly path: readonly { readonly y: number | null }[]
}

class Money {
  toJSON(): string {
    return '5 EUR'
  }
}

test('takes whatever type of data JSON carries as presence data', async () => {
  const client = createClient({ url: 'ws://127.0.0.1:1', WebSocket })
  const { presence } = client.channel('a')
  client.close()
  const cursor: Cursor = { x: 1, path: [{ y: null }] }
  const json: JsonValue = { any: [1] }
  const good = [
    presence.enter(),
    presence.enter(cursor),
    presence.update(cursor),
    presence.update({ cursor, list: [cursor], at: new Date(0) }),
    presence.update(json),
    presence.update([1, 'a', null, true]),
    presence.update(new Money()),
    presence.update({ x: 1, inline: { y: 2 } }),
  ]
  for (const result of await Promise.all(good)) expect(result).toMatchObject({ error: { code: 'closed' } })
  const bad = [
    // @ts-expect-error functions are not JSON
    presence.update({ f: () => 1 }),
    // @ts-expect-error nor are bigints
    presence.update({ n: 1n }),
    // @ts-expect-error nor are maps
    presence.update(new Map()),
    // @ts-expect-error nor is a promise, for want of an await
    presence.update({ user: Promise.resolve(1) }),
    // @ts-expect-error nor are bytes
    presence.update(new Uint8Array(1)),
    // @ts-expect-error nor is what nobody knows
    presence.update(new Map() as unknown),
  ]
  for (const result of bad) await expect(result).rejects.toMatchObject({ code: 'bad-payload' })
})
