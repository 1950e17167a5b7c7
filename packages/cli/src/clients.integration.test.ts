import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { freePort } from '@tidings/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { ended, jsonLines, Run, served, type Served, temporaryDir, tidings } from '../test/run-tidings.js'

const dataOf = (stdout: string): readonly unknown[] =>
  jsonLines(stdout)
    .filter(({ kind }) => kind === 'publication')
    .map(({ data }) => data)

const memoryServer = (): Promise<Served> => served(['--dev', '--memory'])

describe('three terminals', () => {
  it.each([[[]], [['--msgpack']]])('serve, subscribe, publish, and read the history (%j)', async (codec) => {
    const { url } = await memoryServer()
    const reader = tidings('subscribe', 'chat:lobby', '--rewind', '10', '--count', '2', '--url', url, ...codec)
    await reader.until(({ stderr }) => stderr.includes('Caught up'))
    const options = ['--token', 'ann', '--key', 'k', '--tag', 'a=b', '--tag', 'c=d=e', '--url', url, ...codec]
    const first = await ended('publish', 'chat:lobby', '{"text":"hi"}', ...options)
    expect(first).toMatchObject({ exitCode: 0, stderr: '' })
    expect(jsonLines(first.stdout)).toMatchObject([{ offset: 1, durability: 'memory', duplicate: false }])
    await ended('publish', 'chat:lobby', '--text', 'not JSON', '--url', url, ...codec)
    const { exitCode, stdout } = await reader.ended
    expect(exitCode).toBe(0)
    expect(jsonLines(stdout)[0]).toMatchObject({ publisher: 'ann', key: 'k', tags: { a: 'b', c: 'd=e' } })
    expect(dataOf(stdout)).toEqual([{ text: 'hi' }, 'not JSON'])
    const history = await ended('history', 'chat:lobby', '--url', url, ...codec)
    expect(history.stdout).toBe(stdout)
    expect(history.stderr).toMatch(/^Next position: \S+ \(there is nothing more now\)\n$/)
  })
})

describe('tidings publish', () => {
  it('publishes the lines of standard input in order, and tells what was not JSON', async () => {
    const { url } = await memoryServer()
    const input = '\ufeff{"n":1}\r\n\nnot json\n"a\u2028b"\n3'
    const { exitCode, stdout, stderr } = await tidings('publish', 'a', '--url', url).input(input).ended
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
    expect(stderr).toBe(
      'Line 3 was not published: it is not JSON (bad-payload).\n3 published, 1 rejected, 0 unknown.\n',
    )
    expect(dataOf((await ended('history', 'a', '--url', url)).stdout)).toEqual([{ n: 1 }, 'a\u2028b', 3])
  })

  it('publishes more lines than may be in flight, in order', async () => {
    const { url } = await memoryServer()
    const numbers = Array.from({ length: 5000 }, (_, index) => index)
    const { exitCode, stderr } = await tidings('publish', 'a', '--url', url).input(numbers.join('\n')).ended
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '5000 published, 0 rejected, 0 unknown.\n' })
    const all = await ended('history', 'a', '--all', '--url', url)
    expect(dataOf(all.stdout)).toEqual(numbers)
    const newest = await ended('history', 'a', '--backward', '--limit', '2', '--url', url)
    expect(dataOf(newest.stdout)).toEqual([4999, 4998])
  })

  it('keeps to its rate', async () => {
    const { url } = await memoryServer()
    const startedMs = performance.now()
    await tidings('publish', 'a', '--rate', '1', '--text', '--url', url).input('1\n2\n3\n').ended
    // Two intervals of a second, of each of which 50 ms may be made up for; a slow machine only adds to them.
    expect(performance.now() - startedMs).toBeGreaterThan(1900)
    const { stdout } = await ended('history', 'a', '--url', url)
    expect(dataOf(stdout)).toEqual(['1', '2', '3'])
  })

  it('ends cleanly when it is interrupted in the middle of its input', async () => {
    const { url } = await memoryServer()
    const run = tidings('publish', 'a', '--url', url)
    run.child.stdin?.write('1\n2\n')
    const reader = tidings('subscribe', 'a', '--rewind', '2', '--count', '2', '--url', url)
    await reader.ended
    expect(await run.kill('SIGINT').ended).toMatchObject({
      exitCode: 130,
      stderr: '2 published, 0 rejected, 0 unknown.\n',
    })
  })

  it.each([[], ['--msgpack']])('refuses data that no server takes, and names the path (%s)', async (...flags) => {
    const { url } = await memoryServer()
    const { exitCode, stdout, stderr } = await ended(
      'publish',
      'a',
      String.raw`{"a":["\ud83d"]}`,
      '--url',
      url,
      ...flags,
    )
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    expect(stderr).toContain(
      'It cannot be published: data.a[0]: half a surrogate pair is not plain JSON (bad-payload).',
    )
    const lines = await tidings('publish', 'a', '--url', url, ...flags).input(String.raw`"\ud83d"`).ended
    expect(lines).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('Line 1 was not published') as string })
  })

  it('yields the first publication when its id is used again by the same user', async () => {
    const { url } = await memoryServer()
    const publish = (data: string) => ended('publish', 'a', data, '--id', 'one', '--token', 'ann', '--url', url)
    const [first, again, other] = [await publish('1'), await publish('1'), await publish('2')]
    expect(jsonLines(again.stdout)).toEqual([{ ...jsonLines(first.stdout)[0], duplicate: true }])
    expect(other).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('(id-conflict)') as string })
  })

  it('says what is wrong with its arguments', async () => {
    const wrong: readonly (readonly [readonly string[], string])[] = [
      [['a', 'hi'], 'hi is not JSON'],
      [['a b', '1'], "The channel name 'a b' holds a space"],
      [['a', '1', '--rate', '5'], '--rate is for lines of standard input'],
      [['a', '--id', 'x'], '--id names one publication'],
      [['a', '1', '--tag', 'x'], 'name=value'],
      [['a', '1', '--url', 'here'], 'such as ws://127.0.0.1:8080/ws'],
      [['a', '1', '--tokn', 'x'], 'Did you mean --token?'],
      [[], "missing required argument 'channel'"],
    ]
    for (const [args, sentence] of wrong) {
      const { exitCode, stderr } = await ended('publish', ...args)
      expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining(sentence) as string })
    }
  })
})

describe('tidings subscribe', () => {
  it('goes on over a restart of the server, and tells it', async () => {
    const dir = await temporaryDir()
    const port = await freePort()
    const { run, url } = await served(['--dev', '--data', dir, '--port', String(port)])
    const reader = tidings('subscribe', 'chat:lobby', '--url', url)
    await reader.until(({ stderr }) => stderr.includes('Caught up'))
    expect(reader.stderr).toMatch(/^Connected to \S+ as guest-\w+, session [\w-]{12}\.$/m)
    await ended('publish', 'chat:lobby', '1', '--url', url)
    await reader.until(({ items }) => items.length === 1)
    await run.kill('SIGKILL').ended
    await reader.until(({ stderr }) => stderr.includes('connection was lost'))
    await served(['--dev', '--data', dir, '--port', String(port)])
    await ended('publish', 'chat:lobby', '2', '--url', url)
    await reader.until(({ items }) => items.length === 2)
    expect(dataOf(reader.stdout)).toEqual([1, 2])
    expect(reader.stderr).toMatch(/^Connected again\. The session is [\w-]{12}\.$/m)
    const history = await ended('history', 'chat:lobby', '--url', url)
    expect(history.stdout).toBe(reader.stdout)
    expect((await reader.kill('SIGINT').ended).exitCode).toBe(130)
  })

  it('prints a gap in its place, and in words', async () => {
    const { url } = await memoryServer()
    await ended('publish', 'a', '1', '--url', url)
    const reader = tidings('subscribe', 'a', '--from', 'of-another-log', '--count', '1', '--url', url)
    await reader.until(({ stderr }) => stderr.includes('Gap: '))
    await ended('publish', 'a', '2', '--url', url)
    const { stdout } = await reader.ended
    expect(jsonLines(stdout)).toMatchObject([{ kind: 'gap', reason: 'epoch-changed' }, { data: 2 }])
  })

  it('ends quietly once nobody reads its output', async () => {
    const { url } = await memoryServer()
    const reader = tidings('subscribe', 'a', '--url', url)
    await reader.until(({ stderr }) => stderr.includes('Caught up'))
    reader.child.stdout?.destroy()
    await tidings('publish', 'a', '--url', url).input('1\n2\n3\n').ended
    const { exitCode, stderr } = await reader.ended
    expect(exitCode).toBe(0)
    expect(stderr).not.toContain('Error')
  })

  it('escapes what a terminal would act on', async () => {
    const { url } = await memoryServer()
    await ended('publish', 'a', '"\\u001b[2J\\u009b2J"', '--url', url)
    const { stdout } = await ended('history', 'a', '--url', url)
    expect(stdout).toContain('"\\u001b[2J\\u009b2J"')
  })
})

describe('a server that cannot handle a command just then', () => {
  it('is quoted by who publishes in vain, and by who waits to be let in', async () => {
    const dir = await temporaryDir()
    const rules = '{ publish: () => { throw new Error("no db") }, subscribe: () => { throw new Error("no db") } }'
    const text = `export default { contract: { channels: { a: {} } }, authenticate: () => ({ id: 'x' }), allow: { a: ${rules} } }`
    await writeFile(join(dir, 'tidings.config.mjs'), text)
    const { url } = await served(['--memory'], { dir })
    const answer = 'the server failed to handle this command; its log says why (internal)'
    expect(await ended('publish', 'a', '1', '--timeout', '2', '--url', url)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(
        /^tidings: .* within 2 seconds: it may have been published; its id is \w+\. It answered: /,
      ) as string,
    })
    const reader = tidings('subscribe', 'a', '--url', url)
    await reader.until(({ stderr }) => stderr.includes('trying again'))
    expect(reader.stderr).toContain(`The server refuses for now: ${answer}; trying again.\n`)
    await reader.kill('SIGINT').ended
  })
})

describe('tidings presence', () => {
  it('says who is there, and watches who comes and goes', async () => {
    const dir = await temporaryDir()
    const contract = { channels: { 'chat:{room}': { presence: true }, alone: {} } }
    await writeFile(join(dir, 'tidings.config.json'), JSON.stringify({ contract, memory: true }))
    const { url } = await served(['--dev'], { dir })
    expect(await ended('presence', 'chat:a', '--url', url)).toEqual({
      exitCode: 0,
      stdout: '',
      stderr: 'Nobody is in chat:a.\n',
    })
    const watcher = tidings('presence', 'chat:a', '--watch', '--url', url)
    await watcher.until(({ items }) => items.length === 1)
    const socket = new WebSocket(url)
    onTestFinished(() => socket.close())
    socket.onopen = () => {
      socket.send('{"type":"connect","id":1,"token":"ann"}')
      socket.send('{"type":"presence","id":2,"channel":"chat:a","action":"enter","data":{"mood":"fine"}}')
    }
    await watcher.until(({ items }) => items.length === 2)
    const member = { user: 'ann', data: { mood: 'fine' } }
    expect(watcher.items).toMatchObject([
      { kind: 'members', members: [] },
      { kind: 'member', change: 'entered', member },
    ])
    expect(jsonLines((await ended('presence', 'chat:a', '--url', url)).stdout)).toMatchObject([member])
    expect((await watcher.kill('SIGINT').ended).exitCode).toBe(130)
    expect(await ended('presence', 'alone', '--url', url)).toMatchObject({
      exitCode: 4,
      stderr: expect.stringContaining('(presence-disabled)') as string,
    })
  })
})

describe('a server that is not there', () => {
  it('ends every client with 3 and one sentence that names the address', async () => {
    const url = 'ws://127.0.0.1:1/ws'
    for (const args of [
      ['publish', 'a', '1'],
      ['publish', 'a'],
      ['subscribe', 'a'],
      ['history', 'a'],
      ['presence', 'a'],
    ]) {
      expect(await ended(...args, '--url', url)).toEqual({
        exitCode: 3,
        stdout: '',
        stderr: `tidings: Cannot connect to ${url}: nothing listens there, so start the server or correct --url.\n`,
      })
    }
  })

  it('is taken from the environment', async () => {
    const { stderr } = await new Run(['history', 'a'], { env: { TIDINGS_URL: 'ws://127.0.0.1:2/ws' } }).ended
    expect(stderr).toContain('ws://127.0.0.1:2/ws')
  })

  it('is waited for as long as --timeout says when it accepts and stays silent', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1')
    onTestFinished(() => {
      silent.close()
    })
    await once(silent, 'listening')
    const address = silent.address()
    const url = `ws://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/ws`
    const { exitCode, stderr } = await ended('history', 'a', '--timeout', '0.5', '--url', url)
    expect({ exitCode, stderr }).toEqual({
      exitCode: 3,
      stderr: `tidings: Cannot connect to ${url}: no answer came within 0.5 seconds.\n`,
    })
  })

  it('or serves something else is told apart', async () => {
    const { port } = await served(['--dev', '--memory', '--echo', '/echo'])
    const wrongPath = await ended('history', 'a', '--url', `ws://127.0.0.1:${port}/`)
    expect(wrongPath).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('usually /ws') as string })
    const echo = await ended('history', 'a', '--url', `ws://127.0.0.1:${port}/echo`)
    expect(echo).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('not of a Tidings server') as string })
  })
})

describe('tidings', () => {
  it('prints its version, its help with exit codes and examples, and a suggestion', async () => {
    expect(await ended('--version')).toEqual({ exitCode: 0, stdout: '0.1.0\n', stderr: '' })
    for (const args of [['--help'], ['serve', '--help'], ['publish', '--help'], ['help', 'history']]) {
      const { exitCode, stdout } = await ended(...args)
      expect(exitCode).toBe(0)
      expect(stdout).toMatch(/Examples:\n( {2}\$ tidings .+\n){2}\nExit codes:\n/)
    }
    expect(await ended('publsh')).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('publish') as string })
  })
})
