import { afterEach, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { ScriptedServer } from '../test/scripted-server.js'
import { testClient, untilState } from '../test/test-client.js'

afterEach(() => vi.useRealTimers())

test.each([
  [4501, '', 'unauthorized', 'closed with 4501'],
  [4700, 'toString', 'connection-lost', 'toString'],
  [4999, '', 'connection-lost', 'closed with 4999'],
])('takes no error code from the reason of a close (%i %s)', async (closeCode, text, code, message) => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url, token: 'fixed' })
  const items = client.channel('a').subscribe()[Symbol.asyncIterator]()
  const next = items.next()
  const peer = await server.peer()
  await peer.welcome()
  const closed = untilState(client, 'closed')
  peer.socket.close(closeCode, text)
  expect((await closed).reason).toEqual({ code, message })
  await expect(next).rejects.toMatchObject({ code, message })
  expect(await client.channel('a').publish(1)).toMatchObject({ ok: false, error: { code, message } })
})

test('is connected again after a close with a code of nobody, and takes no state from its reason', async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url })
  client.connect()
  const peer = await server.peer()
  await peer.welcome()
  const waiting = untilState(client, 'waiting')
  peer.socket.close(4123, 'offline')
  expect((await waiting).reason).toEqual({ code: 'connection-lost', message: 'offline' })
  await (await server.peer()).welcome()
})

test('ends its socket soon after close() when nobody answers the goodbye', async () => {
  const sockets: WebSocket[] = []
  class WatchedSocket extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols)
      sockets.push(this)
    }
  }
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url, WebSocket: WatchedSocket })
  client.connect()
  const peer = await server.peer()
  await peer.welcome()
  await untilState(client, 'connected')
  // What arrives here is read no more, as when the network stands still.
  peer.socket.pause()
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  client.close()
  vi.advanceTimersByTime(2000)
  expect(sockets).toHaveLength(1)
  const [socket] = sockets
  await expect.poll(() => socket?.readyState).toBe(WebSocket.CLOSED)
})
