import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { freePort } from './node-process.js'

/** Linux gives outgoing connections ports from here on, other systems from 49,152 on. */
const FIRST_OUTGOING = 32_768

describe('a free port', () => {
  it('is one that no outgoing connection takes before the node listens', async () => {
    for (let count = 0; count < 50; count += 1) expect(await freePort()).toBeLessThan(FIRST_OUTGOING)
  })

  it('can be listened on', async () => {
    const server = createServer().listen(await freePort(), '127.0.0.1')
    await once(server, 'listening')
    server.close()
    await once(server, 'close')
  })
})
