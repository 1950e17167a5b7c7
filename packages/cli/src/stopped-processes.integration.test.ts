import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { RawClient } from '@tidings/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { childrenOf, served, temporaryDir } from '../test/run-tidings.js'

const CONFIG = {
  contract: { channels: { a: { history: { maxCount: 100 }, dedupeWindowMs: 6000 } } },
  allow: { a: { subscribe: true, publish: true, history: true } },
  // Longer than the stop: a session ends for the age of its frames, and not because nothing was heard.
  heartbeat: { intervalMs: 200, deadlineMs: 1500 },
}

const REPEAT = { type: 'publish', channel: 'a', data: 'once', publicationId: 'one' } as const

const connect = async (url: string): Promise<RawClient> => {
  const client = await RawClient.open(url, { token: 'ada' })
  onTestFinished(() => client.socket.terminate())
  return client
}

/** Until the server has forgotten an id, which it remembered for as long as those it got before. */
const untilForgotten = async (client: RawClient): Promise<void> => {
  for (;;) {
    const reply = await client.request({ ...REPEAT, publicationId: 'control', data: 'control' })
    if (reply.type === 'published' && reply.duplicate !== true && reply.offset > 2) return
    await sleep(100)
  }
}

const timesStored = async (client: RawClient): Promise<number> => {
  const page = await client.request({ type: 'history', channel: 'a', limit: 100 })
  if (page.type !== 'history') throw new Error('there is no history')
  return page.publications.filter((publication) => 'data' in publication && publication.data === 'once').length
}

describe('a repeated publish that waits in the socket of a stopped process', () => {
  const serve = async (...args: readonly string[]) => {
    const dir = await temporaryDir()
    await writeFile(join(dir, 'tidings.config.json'), JSON.stringify(CONFIG))
    return served(['--dev', ...args], { dir })
  }

  it.each([['--memory'], ['--data', 'data']])('is not stored twice by a worker that wakes (%s)', async (...where) => {
    const { run, url } = await serve(...where, '--workers', '2')
    const [stopped = -1] = await childrenOf(run.child.pid)
    // Connections go to workers in turn.
    const clients = [await connect(url), await connect(url)]
    process.kill(stopped, 'SIGSTOP')
    const answered = await Promise.race(clients.map((client) => client.request({ type: 'ping' }).then(() => client)))
    const held = clients.find((client) => client !== answered)
    held?.send([{ ...REPEAT, id: 100 }])
    expect(await answered.request(REPEAT)).toMatchObject({ type: 'published', offset: 1 })
    await untilForgotten(answered)
    process.kill(stopped, 'SIGCONT')
    expect((await held?.closed)?.code).toBe(4001)
    expect(await timesStored(answered)).toBe(1)
  })

  it.each([['--memory'], ['--data', 'data']])('is not stored twice by a server that wakes (%s)', async (...where) => {
    const { run, url } = await serve(...where)
    const [first, held] = [await connect(url), await connect(url)]
    await first.request(REPEAT)
    run.kill('SIGSTOP')
    held.send([{ ...REPEAT, id: 100 }])
    await sleep(7000)
    run.kill('SIGCONT')
    expect((await held.closed).code).toBe(4001)
    expect(await timesStored(await connect(url))).toBe(1)
  })

  it('is refused by the process that owns the log, when that one wakes', async () => {
    const { run, url } = await serve('--memory', '--workers', '1')
    const client = await connect(url)
    await client.request(REPEAT)
    run.kill('SIGSTOP')
    const repeated = client.request(REPEAT)
    const later = setInterval(() => void client.request({ type: 'ping' }), 500)
    await sleep(7000)
    clearInterval(later)
    run.kill('SIGCONT')
    expect(await repeated).toMatchObject({ type: 'error', code: 'unavailable' })
    expect(await timesStored(client)).toBe(1)
  })
})
