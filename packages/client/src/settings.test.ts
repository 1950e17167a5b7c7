import { afterEach, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { testClient } from '../test/test-client.js'

afterEach(() => vi.unstubAllGlobals())

test.each([
  ['/ws', 'wss://page.example:8443/ws'],
  ['./ws?a=b', 'wss://page.example:8443/app/ws?a=b'],
  ['../ws', 'wss://page.example:8443/ws'],
  ['//other.example/ws', 'wss://other.example/ws'],
  ['https://other.example/ws', 'wss://other.example/ws'],
  ['HTTP://other.example/ws', 'ws://other.example/ws'],
  ['WSS://other.example/ws', 'wss://other.example/ws'],
])('opens %s of a page at %s', async (url, address) => {
  vi.stubGlobal('location', { href: 'https://page.example:8443/app/' })
  const opened = new Promise((resolve) => {
    class FakeSocket extends WebSocket {
      constructor(given: string) {
        super('ws://127.0.0.1:1')
        resolve(given)
      }
    }
    testClient({ url, WebSocket: FakeSocket }).connect()
  })
  expect(await opened).toBe(address)
})

test.each([undefined, { href: 'about:blank' }])(
  'takes a page’s address where no page is, and throws at the first use (%o)',
  (location) => {
    vi.stubGlobal('location', location)
    const client = testClient({ url: '/ws', WebSocket })
    const channel = client.channel('a')
    expect(client.state).toBe('idle')
    for (const use of [() => client.connect(), () => channel.subscribe(), () => channel.publish(1)]) {
      expect(use).toThrow(
        expect.objectContaining({ code: 'bad-option', message: expect.stringContaining('/ws') as string }) as Error,
      )
    }
    client.close()
  },
)
