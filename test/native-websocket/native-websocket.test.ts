import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { memory } from '@tidings/server/memory'
import { startNode } from '@tidings/testing'
import { describe, expect, it } from 'vitest'

const run = promisify(execFile)

/** Node 22 and later have it without a flag; on Node 20 the same implementation is behind one. */
const [major = 0] = process.versions.node.split('.').map(Number)
const FLAGS = major < 22 ? ['--experimental-websocket', '--no-warnings'] : []

const PROGRAM = `
import { createClient } from '@tidings/client'
import { msgpackCodec } from '@tidings/client/msgpack'
const [url] = process.argv.slice(2)
for (const codec of [undefined, msgpackCodec]) {
  const client = createClient({ url, token: 'ann', ...(codec && { codec }) })
  const channel = client.channel('any:native')
  const subscription = channel.subscribe()
  subscription.on('caught-up', () => void channel.publish({ text: 'hi' }))
  for await (const item of subscription) {
    console.log(item.kind, JSON.stringify(item.data))
    break
  }
  client.close()
}
`

describe('Node’s own WebSocket', () => {
  it('serves the SDK with both codecs', async () => {
    const dir = mkdtempSync(join(import.meta.dirname, 'run-'))
    const node = await startNode({ dev: true, backend: memory() })
    try {
      const file = join(dir, 'program.mjs')
      writeFileSync(file, PROGRAM)
      const { stdout } = await run(process.execPath, [...FLAGS, file, node.url])
      expect(stdout).toBe('publication {"text":"hi"}\n'.repeat(2))
    } finally {
      await node.close()
      rmSync(dir, { recursive: true })
    }
  })
})
