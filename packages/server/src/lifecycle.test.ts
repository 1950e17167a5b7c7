import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createTidings } from '@tidings/server'
import { handshake, RawSocket } from '@tidings/testing'
import { expect, test } from 'vitest'
import { type Backend, BackendError } from './backend/backend.js'
import { memory } from './backend/memory/index.js'
import { afterTest, contract, latch } from './node.fixture.js'

/** A node whose backend opens, or fails to, when the test says so; `calls` tells what was done with it. */
const startSlowly = () => {
  const calls: string[] = []
  const inner = memory()
  const result = latch<BackendError | undefined>()
  const opening = { open: () => result.open(undefined), fail: result.open }
  const backend: Backend = {
    ...{ name: inner.name, durabilities: inner.durabilities },
    ...{ log: inner.log, presence: inner.presence, bus: inner.bus, state: inner.state },
    open: async (fail) => {
      calls.push('open')
      const error = await result.opened
      if (error !== undefined) throw error
      await inner.open(fail)
      calls.push('opened')
    },
    close: async () => {
      calls.push('close')
      await inner.close()
      calls.push('closed')
    },
  }
  const tidings = createTidings({ contract, backend, dev: true })
  return { tidings, calls, opening }
}

test('a node that is closed while it starts closes the backend once it is open, and never serves', async () => {
  const { tidings, calls, opening } = startSlowly()
  const http = createServer()
  tidings.attach(http)
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  afterTest(() => new Promise((resolve) => http.close(resolve)))
  const { port } = http.address() as AddressInfo
  expect(tidings.health().status).toBe('starting')
  const closed = tidings.close()
  expect(tidings.health().status).toBe('closing')
  expect(calls).toEqual(['open'])
  opening.open()
  await closed
  await tidings.ready
  expect(calls).toEqual(['open', 'opened', 'close', 'closed'])
  expect(tidings.health().status).toBe('closing')
  const late = new RawSocket(port)
  late.write(handshake('/ws'))
  await late.ended
  expect(late.status).toBe(503)
  expect(late.body).toEqual({ code: 'unavailable', message: 'this node is closing' })
})

test('a node whose backend cannot be opened says so, and closes without it', async () => {
  const { tidings, calls, opening } = startSlowly()
  opening.fail(new BackendError('locked', 'another process has the directory'))
  await expect(tidings.ready).rejects.toThrow('another process has the directory')
  expect(tidings.health().status).toBe('failing')
  await tidings.close()
  expect(calls).toEqual(['open'])
})

test('a node that was closed before its backend failed to open closes too', async () => {
  const { tidings, calls, opening } = startSlowly()
  const closed = tidings.close()
  opening.fail(new BackendError('unavailable', 'away'))
  await closed
  await expect(tidings.ready).rejects.toThrow('away')
  expect(calls).toEqual(['open'])
})
