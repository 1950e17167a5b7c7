import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { ScriptedServer } from '../test/scripted-server.js'
import { take, testClient, untilState } from '../test/test-client.js'

test('goes on asking to unsubscribe when it is left while the server was too busy to', async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url, maxBufferedItems: 2, backoff: { minMs: 50, maxMs: 50 } })
  const subscription = client.channel('a').subscribe()
  const peer = await server.peer()
  await peer.welcome()
  await peer.subscribed()
  peer.push('a', [1, 2])
  peer.push('a', [3])
  peer.refuse(await peer.next('unsubscribe'), 'overloaded', true)
  const sent = client.channel('a').publish('a reply that comes later')
  await peer.published()
  await sent
  subscription.unsubscribe()
  await peer.unsubscribed()
})

test('does not unsubscribe on a session what it was to unsubscribe on the one before', async () => {
  const RETRY_MS = 100
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url, maxBufferedItems: 2, backoff: { minMs: RETRY_MS, maxMs: RETRY_MS } })
  const items = client.channel('a').subscribe()[Symbol.asyncIterator]()
  const random = vi.spyOn(Math, 'random')
  onTestFinished(() => random.mockRestore())
  const first = await server.peer()
  await first.welcome()
  await first.subscribed()
  first.push('a', [1, 2])
  first.push('a', [3])
  const leaving = await first.next('unsubscribe')
  random.mockReturnValue(0.999)
  first.refuse(leaving, 'overloaded', true)
  const sent = client.channel('a').publish('a reply that comes later')
  await first.published()
  await sent
  random.mockReturnValue(0)
  first.socket.terminate()
  await untilState(client, 'waiting')
  await take(items, 2)
  const second = await server.peer()
  await second.welcome()
  await second.subscribed()
  second.push('a', [3, 4])
  second.push('a', [5])
  await second.next('unsubscribe')
  // A timer that began later than the one in question, and takes as long, ends later.
  await sleep(RETRY_MS)
  const marker = client.channel('a').publish('after it')
  await second.published()
  await marker
  expect(second.frames.join('').match(/"unsubscribe"/g)).toHaveLength(1)
})
