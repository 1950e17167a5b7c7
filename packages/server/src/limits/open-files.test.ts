import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect as connectSocket, createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { afterTest, connect, LoggedLines, start, until } from '../node.fixture.js'
import { OpenFiles, openFilesLimit, openFilesProblem } from './open-files.js'

test.runIf(process.platform !== 'win32')('openFilesLimit is what the shell says', () => {
  const said = execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim()
  expect(openFilesLimit()).toBe(said === 'unlimited' ? Infinity : Number(said))
})

describe('openFilesProblem', () => {
  test.each([
    [100, 50_000, true],
    [100, 76, true],
    [100, 75, false],
    [1024, 1000, true],
    [1024, 960, false],
    [1_048_576, 50_000, false],
    [Infinity, 50_000, false],
  ])('with %j files and %d connections: %j', (files, connections, isProblem) => {
    expect(openFilesProblem(connections, files) !== undefined).toBe(isProblem)
  })

  test('says how many files, how many connections and what to do', () => {
    expect(openFilesProblem(50_000, 100)).toMatch(
      /100 files \(ulimit -n\).* about 75 .* 50000 .*: raise .* or lower .*\.$/,
    )
  })
})

describe('OpenFiles', () => {
  /** Sockets of this process as a server of it accepts them. */
  const accepted = async (files: OpenFiles, count: number): Promise<boolean[]> => {
    const answers: boolean[] = []
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      answers.push(files.hasRoomFor(socket))
    }).listen(0, '127.0.0.1')
    afterTest(() => server.close())
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    for (let index = 0; index < count; index++) {
      const socket = connectSocket(port, '127.0.0.1').on('error', () => undefined)
      afterTest(() => socket.destroy())
    }
    await until(() => answers.length === count)
    return answers
  }

  test('cuts off what comes when few files are left, and says so once', async () => {
    const logger = new LoggedLines()
    // Fewer than this process has open already.
    const files = new OpenFiles(logger, 4)
    expect(await accepted(files, 20)).not.toContain(true)
    expect(logger.lines).toMatchObject([{ level: 'error', fields: { files: 4, remoteAddress: '127.0.0.1' } }])
    files.close()
    expect(logger.lines).toMatchObject([{}, { level: 'error', fields: { times: 19 } }])
  })

  test.each([openFilesLimit(), Infinity])('lets connections in while there are files enough (%j)', async (limit) => {
    const logger = new LoggedLines()
    expect(await accepted(new OpenFiles(logger, limit), 5)).not.toContain(false)
    expect(logger.lines).toEqual([])
  })

  test('guards every socket of a server that is the node’s alone', async () => {
    const node = await start()
    node.tidings.limitSockets(node.http)
    expect(await (await connect(node)).request({ type: 'ping' })).toMatchObject({ type: 'pong' })
  })
})
