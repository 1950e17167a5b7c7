import { channel, defineContract } from '@tidings/contract'
import { memory } from '@tidings/server/memory'
import { startNode } from '@tidings/testing'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { testClient, untilState } from '../test/test-client.js'

const app = defineContract({ lines: channel({ history: { maxCount: 10 } }) })

const start = async () => {
  const node = await startNode<typeof app>({ contract: app, backend: memory(), authenticate: () => ({ id: 'ann' }) })
  onTestFinished(() => node.close())
  return node
}

test('a handshake that is refused is told with its status, where the platform tells it', async () => {
  const { url } = await start()
  class ForeignSocket extends WebSocket {
    constructor(address: string, protocols: string[]) {
      super(address, protocols, { origin: 'https://evil.example' })
    }
  }
  const client = testClient({ url, WebSocket: ForeignSocket })
  client.connect()
  const { reason } = await untilState(client, 'waiting')
  expect(reason).toEqual({ code: 'connection-lost', message: 'refused: 403' })
})

test('the session is the one that the server knows, and another one after a reconnect', async () => {
  const { url, tidings } = await start()
  const client = testClient({ url })
  expect(client.session).toBeUndefined()
  client.connect()
  await untilState(client, 'connected')
  const { session = '' } = client
  const other = testClient({ url })
  other.connect()
  await untilState(other, 'connected')
  await tidings.revoke({ session: 'none' })
  const revoked = untilState(client, 'closed')
  await tidings.revoke({ session })
  expect((await revoked).reason).toMatchObject({ code: 'revoked' })
  expect(other.session).not.toBe(session)
  expect(other.state).toBe('connected')
})
