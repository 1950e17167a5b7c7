import { freePort } from '@tidings/testing'
import { afterEach, expect, test, vi } from 'vitest'
import { ScriptedServer } from '../test/scripted-server.js'
import { testClient, untilState } from '../test/test-client.js'

afterEach(() => vi.unstubAllGlobals())

/** An address of loopback where nobody listens. */
const deadUrl = async (): Promise<string> => `ws://127.0.0.1:${await freePort()}`

test('tries slowly while the browser says that it is offline, and at once when it is back', async () => {
  const page = new EventTarget()
  const navigator = { onLine: false }
  vi.stubGlobal('navigator', navigator)
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page))
  const server = await ScriptedServer.start()
  const maxMs = 600_000
  const client = testClient({ url: server.url, backoff: { minMs: 1, maxMs } })
  client.connect()
  const wrongHint = await server.peer()
  await wrongHint.welcome()
  await untilState(client, 'connected')
  const away = untilState(client, 'waiting')
  wrongHint.socket.terminate()
  const { reason, retryInMs } = await away
  expect(reason?.code).toBe('offline')
  expect(retryInMs).toBeGreaterThanOrEqual(maxMs)
  // Nothing says that it is back.
  page.dispatchEvent(new Event('offline'))
  expect(client.state).toBe('waiting')
  navigator.onLine = true
  page.dispatchEvent(new Event('online'))
  const peer = await server.peer()
  await peer.welcome()
  await untilState(client, 'connected')
  // Connected, it asks for a sign of life, since the old network may be gone.
  page.dispatchEvent(new Event('offline'))
  await peer.next('ping')
  // A server that says goodbye proves the hint wrong.
  navigator.onLine = false
  const goodbye = untilState(client, 'waiting')
  peer.socket.close(4000, 'shutdown')
  expect((await goodbye).reason?.code).toBe('shutdown')
  await (await server.peer()).welcome()
})

test('goes on trying while the browser says that it is offline', async () => {
  vi.stubGlobal('navigator', { onLine: false })
  const server = await ScriptedServer.start()
  const client = testClient({ url: [await deadUrl(), await deadUrl(), server.url] })
  client.connect()
  await (await server.peer()).welcome()
  await untilState(client, 'connected')
})
