import { freePort } from '@tidings/testing'
import { describe, expect, it } from 'vitest'
import { childrenOf, ended, get, type Run, served, temporaryDir, tidings } from '../test/run-tidings.js'

const WORKERS = ['--dev', '--memory', '--workers', '2']

interface WholeHealth {
  readonly status: string
  readonly backend: string
  readonly sessions: number
  readonly channels: number
  readonly workers: number
}

const healthOf = async (port: number): Promise<WholeHealth> =>
  (await (await fetch(`http://127.0.0.1:${port}/healthz`)).json()) as WholeHealth

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** A subscriber in a process of its own, once it is live. */
const subscriber = async (url: string): Promise<Run> => {
  const run = tidings('subscribe', 'chat:lobby', '--url', url)
  await run.until(({ stderr }) => stderr.includes('Caught up'))
  return run
}

const offsets = (run: Run): readonly unknown[] => run.items.map(({ offset }) => offset)

const until = (get: () => unknown, expected: unknown) => expect.poll(get).toEqual(expected)

describe('tidings serve --workers', () => {
  it('serves one log from several processes on one port, and says how the whole is', async () => {
    const { run, port, url } = await served(WORKERS)
    expect(await childrenOf(run.child.pid)).toHaveLength(2)
    const subscribers = await Promise.all([1, 2, 3, 4].map(() => subscriber(url)))
    // Connections go to workers in turn.
    expect(await healthOf(port)).toEqual({ status: 'ok', backend: 'memory', sessions: 4, channels: 1, workers: 2 })
    for (const number of [1, 2, 3]) await ended('publish', 'chat:lobby', String(number), '--url', url)
    for (const one of subscribers) await until(() => offsets(one), [1, 2, 3])
    expect(await get(port, '/healthz', 'Host: evil.example')).toMatch(/^HTTP\/1\.1 403 [^]*dev-foreign-host/)
  })

  it('replaces a worker that died; its clients go on elsewhere and miss nothing', async () => {
    const { run, port, url } = await served(WORKERS)
    const subscribers = await Promise.all([1, 2].map(() => subscriber(url)))
    const [first = -1] = await childrenOf(run.child.pid)
    process.kill(first, 'SIGKILL')
    for (const number of [1, 2, 3]) await ended('publish', 'chat:lobby', String(number), '--url', url)
    for (const one of subscribers) await until(() => offsets(one), [1, 2, 3])
    expect(subscribers.flatMap((one) => one.items.filter(({ kind }) => kind === 'gap'))).toEqual([])
    await until(async () => (await healthOf(port)).workers, 2)
    expect(await childrenOf(run.child.pid)).not.toContain(first)
    expect(run.stderr).toContain('a worker ended; another one takes its place')
  })

  it('serves again on its port after all workers died at once', async () => {
    const port = await freePort()
    const { run, url } = await served([...WORKERS, '--port', String(port)])
    const one = await subscriber(url)
    for (const pid of await childrenOf(run.child.pid)) process.kill(pid, 'SIGKILL')
    await until(() => one.stderr.includes('Connected again'), true)
    await ended('publish', 'chat:lobby', '1', '--url', url)
    await until(() => offsets(one), [1])
  })

  it('says that it fails while a worker does not answer', async () => {
    const { run, port } = await served(WORKERS)
    const [stopped = -1] = await childrenOf(run.child.pid)
    process.kill(stopped, 'SIGSTOP')
    // Connections that the stopped worker was given wait for it.
    const status = async (): Promise<unknown> => {
      try {
        const answer = await fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(5000) })
        return [answer.status, ((await answer.json()) as WholeHealth).status]
      } catch {
        return 'no answer'
      }
    }
    await until(status, [503, 'failing'])
    process.kill(stopped, 'SIGCONT')
    await until(status, [200, 'ok'])
  })

  it.each(['SIGINT', 'SIGTERM'] as const)('lets all workers say goodbye at %s, and ends with 0', async (signal) => {
    const { run, url } = await served(WORKERS)
    const workers = await childrenOf(run.child.pid)
    const subscribers = await Promise.all([1, 2].map(() => subscriber(url)))
    run.kill(signal)
    // As a terminal does.
    for (const pid of workers) process.kill(pid, signal)
    const { exitCode, stderr } = await run.ended
    expect(exitCode).toBe(0)
    // Nothing else, but that this machine allows few files.
    expect(stderr).toMatch(/^(\{.*This process may open.*\}\n)?Saying goodbye to the clients\.\n$/)
    for (const one of subscribers) await one.until(({ stderr }) => stderr.includes('shutdown'))
    expect(workers.filter(isRunning)).toEqual([])
  })

  it('ends all when the process that owns the log is killed, and what was acknowledged is there', async () => {
    const dir = await temporaryDir()
    const port = await freePort()
    const args = ['--dev', '--data', dir, '--workers', '2', '--port', String(port)]
    const { run, url } = await served(args)
    const workers = await childrenOf(run.child.pid)
    const one = await subscriber(url)
    await ended('publish', 'chat:lobby', '1', '--url', url)
    await run.kill('SIGKILL').ended
    await until(() => workers.filter(isRunning), [])
    await served(args)
    await ended('publish', 'chat:lobby', '2', '--url', url)
    await until(
      () => one.items.map(({ kind, data }) => [kind, data]),
      [
        ['publication', 1],
        ['publication', 2],
      ],
    )
  })

  it('ends as its workers do when they cannot start', async () => {
    const { port } = await served(['--dev', '--memory'])
    const taken = await ended('serve', ...WORKERS, '--port', String(port))
    expect(taken).toMatchObject({ exitCode: 1, stdout: '' })
    expect(taken.stderr).toMatch(/^tidings: Port \d+ on 127\.0\.0\.1 is in use: [^\n]*\n$/)
  })

  it('says in one sentence that another node has the data directory', async () => {
    const dir = await temporaryDir()
    await served(['--dev', '--data', dir])
    const second = await ended('serve', '--dev', '--data', dir, '--port', '0', '--workers', '2')
    expect(second).toMatchObject({ exitCode: 1, stdout: '' })
    expect(second.stderr).toMatch(/^tidings: [^\n]+\.\n$/)
  })
})
