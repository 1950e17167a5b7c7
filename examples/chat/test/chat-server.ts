import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Client, createClient } from '@tidings/client'
import { freePort, NodeProcess } from '@tidings/testing'
import { WebSocket } from 'ws'
import type { Chat } from '../contract.js'

const ROOT = resolve(import.meta.dirname, '../../..')
const CLI = join(ROOT, 'packages/cli/bin/tidings.js')
const CONFIG = join(ROOT, 'examples/chat/tidings.config.ts')

/** `tidings serve` with the built chat room, on disk in a folder of its own. */
export interface ChatServer {
  readonly address: string
  readonly process: NodeProcess
  /** An SDK client with this name; closed with the server. */
  client(name: string): Client<Chat>
  close(): Promise<void>
}

export const startChatServer = async (): Promise<ChatServer> => {
  const folder = mkdtempSync(join(tmpdir(), 'tidings-chat-'))
  const port = await freePort()
  const address = `http://127.0.0.1:${port}`
  const node = await NodeProcess.start({
    command: [
      process.execPath,
      CLI,
      'serve',
      '--dev',
      '--config',
      CONFIG,
      '--port',
      `${port}`,
      '--data',
      join(folder, 'data'),
    ],
    cwd: folder,
    healthUrl: `${address}/healthz`,
  })
  const clients: Client<Chat>[] = []
  return {
    address,
    process: node,
    client: (name) => {
      const client = createClient<Chat>({
        url: `ws://127.0.0.1:${port}/ws`,
        token: name,
        WebSocket,
        backoff: { minMs: 20, maxMs: 500 },
      })
      clients.push(client)
      return client
    },
    close: async () => {
      for (const client of clients) client.close()
      await node.kill('SIGTERM')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
