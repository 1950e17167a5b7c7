import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { freePort, NodeProcess, RawClient } from '@tidings/testing'
import { shimLines, type SyncFault } from '@tidings/testing/soak'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const SERVER = resolve(import.meta.dirname, '../../packages/cli/bin/tidings.js')
const CHANNEL = 'orders:1'
const SENTENCE = 'tidings: The data could not be written to the disk safely: the sync failed (a fault of a test).\n'

describe.each([0, 2])('tidings serve --workers %d, when its disk does not sync', (workers) => {
  let dir: string
  let node: NodeProcess
  let port: number

  const breakSyncs = (fault: SyncFault | ''): void => writeFileSync(join(dir, 'sync'), fault)
  const storage = (): readonly string[] => ['--data', join(dir, 'data'), '--workers', String(workers)]
  const start = async (): Promise<NodeProcess> => {
    port = await freePort()
    return NodeProcess.start({
      command: [process.execPath, SERVER, 'serve', '--dev', '--port', String(port), ...storage()],
      healthUrl: `http://127.0.0.1:${port}/healthz`,
      cwd: dir,
    })
  }
  const connect = (): Promise<RawClient> => RawClient.open(`ws://127.0.0.1:${port}/ws`, { token: 'ann' })
  const publish = (client: RawClient, data: string): ReturnType<RawClient['request']> =>
    client.request({ type: 'publish', channel: CHANNEL, publicationId: data, data })

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'tidings-sync-'))
    writeFileSync(join(dir, 'tidings.config.mjs'), `${shimLines(join(dir, 'sync'))}\nexport default {}\n`)
    node = await start()
  })

  afterEach(async () => {
    await node.kill('SIGKILL')
    rmSync(dir, { recursive: true, force: true })
  })

  it('acknowledges nothing more, lets everybody go, and ends with 70 and one sentence', async () => {
    const client = await connect()
    const kept = await publish(client, 'kept')
    expect(kept).toMatchObject({ type: 'published', offset: 1, durability: 'disk' })
    breakSyncs('fail')
    await expect(publish(client, 'not kept')).rejects.toThrow('the socket closed')
    expect(await client.closed).toMatchObject({ code: 4004 })
    expect(await node.exit).toEqual({ code: 70, signal: null })
    expect(node.output.split('\n').filter((line) => line.startsWith('tidings: '))).toEqual([SENTENCE.trimEnd()])
    expect(client.received.filter(({ type }) => type === 'published')).toHaveLength(1)

    breakSyncs('')
    node = await start()
    const again = await connect()
    const { position } = kept as Extract<typeof kept, { type: 'published' }>
    await again.request({ type: 'subscribe', channel: CHANNEL, from: position })
    expect(await publish(again, 'kept')).toMatchObject({ type: 'published', offset: 1, duplicate: true })
    expect(await publish(again, 'not kept')).toMatchObject({ type: 'published', offset: 2 })
    await again.countOf(CHANNEL, 1)
    expect(again.dataOf(CHANNEL)).toEqual(['not kept'])
    expect(again.received.filter(({ type }) => type === 'gap')).toEqual([])
    await again.close()
  })

  it('answers and shows nothing while a sync takes long, and everything when it is done', async () => {
    const [publisher, subscriber] = [await connect(), await connect()]
    await subscriber.request({ type: 'subscribe', channel: CHANNEL })
    breakSyncs('hold')
    const answer = publish(publisher, 'held')
    // These come after the publish on both connections, and are answered while it waits.
    await publisher.request({ type: 'ping' })
    await subscriber.request({ type: 'history', channel: CHANNEL })
    expect(publisher.received.filter(({ type }) => type === 'published')).toEqual([])
    expect(subscriber.dataOf(CHANNEL)).toEqual([])
    expect(subscriber.received.at(-1)).toMatchObject({ type: 'history', publications: [] })
    breakSyncs('')
    expect(await answer).toMatchObject({ type: 'published', offset: 1 })
    await subscriber.countOf(CHANNEL, 1)
    await Promise.all([publisher.close(), subscriber.close()])
  })
})
