import { expect, test } from 'vitest'
import { ScriptedServer } from '../test/scripted-server.js'
import { take, testClient } from '../test/test-client.js'

test('connects at the first use, subscribes, publishes and resumes after a cut', async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url, token: 'secret', clientId: 'me' })
  expect(client.state).toBe('idle')
  const channel = client.channel('chat:{room}', { room: 'lobby' })
  const subscription = channel.subscribe({ rewind: 5 })
  const items = subscription[Symbol.asyncIterator]()
  const sent = channel.publish({ text: 'hi' })

  const first = await server.peer()
  expect(await first.welcome()).toMatchObject({ token: 'secret', client: 'me' })
  expect(await first.subscribed('p0')).toMatchObject({ channel: 'chat:lobby', rewind: { count: 5 } })
  expect(await first.published(3)).toMatchObject({
    channel: 'chat:lobby',
    data: { text: 'hi' },
    publicationId: sent.id,
  })
  first.push('chat:lobby', [1, 2, 3])
  expect((await take(items, 3)).map((item) => item.kind === 'publication' && item.offset)).toEqual([1, 2, 3])
  expect(await sent).toMatchObject({ ok: true, offset: 3, position: 'p3', durability: 'disk', duplicate: false })
  expect(subscription.position).toBe('p3')

  first.socket.terminate()
  const second = await server.peer()
  await second.welcome()
  expect(await second.subscribed('p3')).toMatchObject({ channel: 'chat:lobby', from: 'p3' })
  second.push('chat:lobby', [3, 4])
  expect((await take(items, 1)).map((item) => item.kind === 'publication' && item.data)).toEqual([{ n: 4 }])
})
