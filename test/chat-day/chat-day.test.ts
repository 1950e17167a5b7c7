import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Client, createClient, type PublishResult, type SubscribeOptions } from '@tidings/client'
import { msgpackCodec } from '@tidings/client/msgpack'
import { freePort, NodeProcess } from '@tidings/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { readChatDay } from '../../fixtures/chat/read-day.mjs'

const CLI = resolve(import.meta.dirname, '../../packages/cli/bin/tidings.js')
const CHANNEL = 'chat:lobby'

interface Said {
  readonly nick: string
  readonly text: string
}

/** A subscriber that keeps every line, and must never be told of a gap. */
interface Reader {
  readonly lines: Said[]
  readonly gaps: unknown[]
  /** Resolves once this many lines came. */
  readonly complete: Promise<void>
}

describe('a day of chat', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tidings-chat-day-'))
  const clients: Client[] = []
  const lines = readChatDay().map(({ nick, text }): Said => ({ nick, text }))
  let server: NodeProcess
  let url = ''

  const connect = (name: string, codec: 'json' | 'msgpack'): Client => {
    const client = createClient({
      url,
      token: name,
      WebSocket,
      backoff: { minMs: 20, maxMs: 500 },
      ...(codec === 'msgpack' ? { codec: msgpackCodec } : undefined),
    })
    clients.push(client)
    return client
  }

  const read = (name: string, codec: 'json' | 'msgpack', options: SubscribeOptions): Reader => {
    const subscription = connect(name, codec).channel(CHANNEL).subscribe(options)
    const reader = { lines: [] as Said[], gaps: [] as unknown[] }
    const run = async (): Promise<void> => {
      for await (const item of subscription) {
        if (item.kind === 'gap') reader.gaps.push(item)
        else reader.lines.push({ nick: item.publisher ?? '', text: (item.data as { text: string }).text })
        if (reader.lines.length >= lines.length) return
      }
    }
    return { ...reader, complete: run() }
  }

  beforeAll(async () => {
    const port = await freePort()
    url = `ws://127.0.0.1:${port}/ws`
    const data = join(dir, 'data')
    server = await NodeProcess.start({
      command: [process.execPath, CLI, 'serve', '--dev', '--port', String(port), '--data', data],
      cwd: dir,
      healthUrl: `http://127.0.0.1:${port}/healthz`,
    })
  })

  afterAll(async () => {
    for (const client of clients) client.close()
    await server.kill('SIGTERM')
    rmSync(dir, { recursive: true })
  })

  it('reaches 50 subscribers whole and in order, each line once, through two kills of the server', async () => {
    expect(lines).toHaveLength(1979)
    const readers = Array.from({ length: 40 }, (_, index) =>
      read(`reader-${index}`, index < 5 ? 'msgpack' : 'json', { rewind: 0 }),
    )
    const nicks = new Map<string, Client>()
    const publishers = (nick: string): Client => {
      const client = nicks.get(nick) ?? connect(nick, 'json')
      nicks.set(nick, client)
      return client
    }
    // Everybody listens before the first line is said.
    await Promise.all(clients.map((client) => client.channel(CHANNEL).presence.get()))
    const killAt = [Math.floor(lines.length / 3), Math.floor((lines.length * 2) / 3)]
    const results: PublishResult[] = []
    for (const [index, { nick, text }] of lines.entries()) {
      const sent = publishers(nick).channel(CHANNEL).publish({ text })
      if (killAt.includes(index)) {
        await server.kill('SIGKILL')
        await server.restart()
      }
      results.push(await sent)
      if (index !== Math.floor(lines.length / 2)) continue
      for (let late = 0; late < 10; late++) {
        readers.push(read(`late-${late}`, late < 5 ? 'msgpack' : 'json', { rewind: lines.length }))
      }
    }
    expect(results.filter((result) => !result.ok)).toEqual([])
    expect(results.every((result) => result.ok && result.durability === 'disk')).toBe(true)
    await Promise.all(readers.map(({ complete }) => complete))
    expect(readers).toHaveLength(50)
    for (const reader of readers) {
      expect(reader.gaps).toEqual([])
      expect(reader.lines).toEqual(lines)
    }
  })

  it('is kept as it was said when the server is killed and started once more', async () => {
    await server.kill('SIGKILL')
    await server.restart()
    const channel = connect('historian', 'json').channel(CHANNEL)
    const kept: string[] = []
    let from: string | undefined
    for (let more = true; more; ) {
      const page = await channel.history({ limit: 500, ...(from === undefined ? undefined : { from }) })
      if (!page.ok) throw new Error(page.error.message)
      kept.push(...page.items.map(({ data }) => (data as { text: string }).text))
      more = page.more
      from = page.position
    }
    expect(kept).toEqual(lines.map(({ text }) => text))
  })
})
