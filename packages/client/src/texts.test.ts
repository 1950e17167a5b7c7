import { expect, test } from 'vitest'
import { createClient, TidingsError } from './index.js'
import { ScriptedServer } from '../test/scripted-server.js'
import { testClient, untilState } from '../test/test-client.js'

const CUT = 'hello 😀'.slice(0, 7)
const url = 'ws://127.0.0.1:1'

const badOption = (name: string) =>
  expect.objectContaining({ code: 'bad-option', message: `"${name}" holds half a surrogate pair` }) as Error

test('refuses half a surrogate pair at once wherever text enters', async () => {
  const client = testClient({ url })
  const channel = client.channel('a')
  expect(() => channel.publish(CUT)).toThrow(expect.objectContaining({ code: 'bad-payload' }) as Error)
  expect(() => channel.publish({ [CUT]: 1 })).toThrow(expect.objectContaining({ code: 'bad-payload' }) as Error)
  expect(() => channel.publish(1, { id: CUT })).toThrow(badOption('id'))
  expect(() => channel.publish(1, { key: CUT })).toThrow(badOption('key'))
  expect(() => channel.publish(1, { tags: { a: CUT } })).toThrow(badOption('a'))
  expect(() => channel.publish(1, { tags: { [CUT]: 'a' } })).toThrow('half a surrogate pair')
  expect(() => channel.publish(1, { tags: { '\ud83d': '\ude00' } })).toThrow('half a surrogate pair')
  expect(() => channel.subscribe({ from: CUT })).toThrow(badOption('from'))
  expect(() => channel.history({ from: CUT })).toThrow(badOption('from'))
  await expect(channel.presence.enter(CUT)).rejects.toMatchObject({ code: 'bad-payload' })
  await expect(channel.presence.update({ a: [CUT] })).rejects.toMatchObject({ code: 'bad-payload' })
  expect(() => client.channel(CUT)).toThrow('name')
  expect(() => client.channel('chat:{room}', { room: CUT })).toThrow('room')
  expect(() => createClient({ url, token: CUT })).toThrow(badOption('token'))
  expect(() => createClient({ url, clientId: CUT })).toThrow(badOption('clientId'))
  expect(client.state).toBe('idle')
})

test('asks again for a token that holds half a surrogate pair', async () => {
  const server = await ScriptedServer.start()
  const tokens = [CUT, 'good']
  const client = testClient({ url: server.url, token: () => tokens.shift() ?? '' })
  client.connect()
  expect((await untilState(client, 'waiting')).reason).toMatchObject({ code: 'token-failed' })
  expect(await (await server.peer()).welcome()).toMatchObject({ token: 'good' })
})

test('refuses data of presence that JSON cannot carry, bytes included', async () => {
  const { presence } = testClient({ url }).channel('a')
  for (const data of [new Map(), Promise.resolve(), new Uint8Array(1), new ArrayBuffer(1), { n: NaN }]) {
    await expect(presence.enter(data as never)).rejects.toThrow(TidingsError)
    await expect(presence.update(data as never)).rejects.toMatchObject({ code: 'bad-payload' })
  }
})
