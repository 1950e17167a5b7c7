import { readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { ended, get, handshake, rawRequest, served, temporaryDir, tidings } from '../test/run-tidings.js'

/** Connections that kernels other than Linux let wait, at least. */
const OTHER_KERNELS = 128
const MEMORY_DEV = ['--dev', '--memory']

describe('tidings serve', () => {
  it('prints its addresses, aligned, and that --dev is open', async () => {
    const { run, port, url } = await served([...MEMORY_DEV, '--echo', '/echo'])
    await run.until(({ stdout }) => stdout.includes('Development'))
    expect(run.stdout).toContain(`  WebSocket  ${url}\n  Echo       ws://127.0.0.1:${port}/echo\n`)
    expect(run.stdout).toContain(`  Health     http://127.0.0.1:${port}/healthz\n  Data       memory`)
    expect(run.stdout).toMatch(/Development profile: .*\n$/)
  })

  it('answers health with its status, to GET and HEAD', async () => {
    const { port } = await served(MEMORY_DEV)
    const answer = await fetch(`http://127.0.0.1:${port}/healthz`)
    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject({ status: 'ok', backend: 'memory' })
    const head = await fetch(`http://127.0.0.1:${port}/healthz`, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
  })

  it('answers everything else with 404, 405 or 426 as JSON', async () => {
    const { port } = await served(MEMORY_DEV)
    const answers = [
      await fetch(`http://127.0.0.1:${port}/nothing`),
      await fetch(`http://127.0.0.1:${port}/healthz`, { method: 'POST', body: 'x' }),
      await fetch(`http://127.0.0.1:${port}/ws`),
    ]
    expect(answers.map(({ status }) => status)).toEqual([404, 405, 426])
    for (const answer of answers) expect(await answer.json()).toHaveProperty('code')
  })

  it.each(['0', '2'])(
    'lets a thousand connections wait, as far as the kernel does, while it does not accept them, with %s workers',
    async (workers) => {
      const { run, port } = await served([...MEMORY_DEV, '--workers', workers])
      const allowed = Number(await readFile('/proc/sys/net/core/somaxconn', 'utf8').catch(() => OTHER_KERNELS))
      const count = Math.min(1200, allowed)
      run.kill('SIGSTOP')
      const sockets = Array.from({ length: count }, () => connect(port, '127.0.0.1').on('error', () => undefined))
      onTestFinished(() => {
        for (const socket of sockets) socket.destroy()
      })
      await Promise.all(sockets.map((socket) => once(socket, 'connect')))
      run.kill('SIGCONT')
      expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200)
    },
  )

  it.each(['SIGINT', 'SIGTERM'] as const)('says goodbye to clients at %s and ends with 0', async (signal) => {
    const { run, url } = await served(MEMORY_DEV)
    const subscriber = tidings('subscribe', 'chat:lobby', '--url', url)
    await subscriber.until(({ stderr }) => stderr.includes('Caught up'))
    run.kill(signal)
    expect(await run.ended).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('goodbye') as string })
    await subscriber.until(({ stderr }) => stderr.includes('shutdown'))
  })

  it('takes a signal that npm passes on again for one', async () => {
    const { run } = await served(MEMORY_DEV)
    run.kill('SIGINT').kill('SIGINT')
    expect((await run.ended).exitCode).toBe(0)
  })

  it('ends at once with 130 at a second SIGINT while a client holds it up', async () => {
    const { run, port } = await served(MEMORY_DEV)
    // A client that takes part in no closing handshake keeps the goodbye waiting.
    const silent = connect(port, '127.0.0.1')
    onTestFinished(() => {
      silent.destroy()
    })
    silent.on('error', () => undefined)
    silent.write(handshakeText(port))
    await once(silent, 'data')
    run.kill('SIGINT')
    await run.until(({ stderr }) => stderr.includes('goodbye'))
    const again = setInterval(() => run.kill('SIGINT'), 100)
    onTestFinished(() => clearInterval(again))
    expect((await run.ended).exitCode).toBe(130)
  })

  it('goes on when nobody reads its output any more', async () => {
    const { run, port } = await served(MEMORY_DEV)
    run.child.stdout?.destroy()
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200)
  })

  it('bounds handshakes that never end by its limits, and says so', async () => {
    const dir = await temporaryDir()
    await writeFile(join(dir, 'tidings.config.json'), JSON.stringify({ limits: { maxConnections: 5 } }))
    const { run, port } = await served(MEMORY_DEV, { dir })
    const sockets = Array.from({ length: 100 }, () => {
      const socket = connect(port, '127.0.0.1')
      onTestFinished(() => void socket.destroy())
      socket.on('error', () => undefined)
      socket.write('GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\n')
      return socket
    })
    // As many again as connections, and at least 64 more.
    await expect.poll(() => sockets.filter(({ destroyed }) => destroyed).length).toBe(100 - 69)
    await run.until(({ stderr, stdout }) => `${stdout}${stderr}`.includes('"limit":"maxConnections"'))
    for (const socket of sockets) socket.destroy()
    const status = (): Promise<number> =>
      fetch(`http://127.0.0.1:${port}/healthz`).then(
        (response) => response.status,
        () => 0,
      )
    await expect.poll(status).toBe(200)
  })

  it('says that a port is in use, and leaves the data alone', async () => {
    const { port } = await served(MEMORY_DEV)
    const second = await ended('serve', ...MEMORY_DEV, '--port', String(port))
    expect(second).toMatchObject({ exitCode: 1, stdout: '' })
    expect(second.stderr).toBe(
      `tidings: Port ${port} on 127.0.0.1 is in use: stop the program that has it, or choose another with --port.\n`,
    )
  })

  it('says that another node has the data directory', async () => {
    const dir = await temporaryDir()
    await served(['--dev', '--data', dir])
    const { exitCode, stdout, stderr } = await ended('serve', '--dev', '--data', dir, '--port', '0')
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
    expect(stderr).toContain(dir)
    expect(stderr).toMatch(/^tidings: [^\n]+\.\n$/)
  })

  it('refuses a damaged data directory in one sentence', async () => {
    const dir = await temporaryDir()
    const first = await served(['--dev', '--data', dir])
    await ended('publish', 'chat:a', '1', '--url', first.url)
    await first.run.kill('SIGKILL').ended
    await writeFile(join(dir, 'data.mdb'), 'damaged '.repeat(2000))
    const { exitCode, stdout, stderr } = await ended('serve', '--dev', '--data', dir, '--port', '0')
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
    expect(stderr).toMatch(/^tidings: [^\n]+\.\n$/)
  })

  it('answers bytes that are not HTTP with 400 and lives', async () => {
    const { port } = await served(MEMORY_DEV)
    expect(await rawRequest(port, '\u0016\u0003\u0001 nonsense')).toMatch(/^HTTP\/1\.1 400 /)
    expect(await rawRequest(port, 'GET / HTTP/1.1', `X: ${'a'.repeat(100_000)}`)).toMatch(/^HTTP\/1\.1 431 /)
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200)
  })

  it('refuses WebSockets on other paths, with the echo path too', async () => {
    const { port } = await served([...MEMORY_DEV, '--echo', '/echo'])
    expect(await handshake(port, '/other')).toMatch(/^HTTP\/1\.1 404 /)
  })
})

const handshakeText = (port: number): string =>
  [
    'GET /ws HTTP/1.1',
    `Host: 127.0.0.1:${port}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    '',
    '',
  ].join('\r\n')

describe('tidings serve --dev', () => {
  it('refuses to listen for other machines', async () => {
    for (const host of ['0.0.0.0', '::', '192.0.2.1']) {
      const { exitCode, stderr } = await ended('serve', ...MEMORY_DEV, '--host', host)
      expect(exitCode).toBe(2)
      expect(stderr).toContain(`and not '${host}'`)
    }
  })

  it('refuses foreign hosts and forwarded requests on every path', async () => {
    const { port } = await served(MEMORY_DEV)
    for (const target of ['/healthz', '/ws', '/']) {
      expect(await get(port, target, 'Host: evil.example')).toMatch(/^HTTP\/1\.1 403 [^]*dev-foreign-host/)
      expect(await get(port, target, 'X-Forwarded-For: 192.0.2.1')).toMatch(/^HTTP\/1\.1 403 [^]*dev-forwarded/)
    }
  })

  it('refuses handshakes with a foreign host or origin, and forwarded ones', async () => {
    const { port } = await served([...MEMORY_DEV, '--echo', '/echo'])
    for (const target of ['/ws', '/echo']) {
      expect(await handshake(port, target, 'Host: evil.example')).toMatch(/^HTTP\/1\.1 403 /)
      expect(await handshake(port, target, 'Origin: http://evil.example')).toMatch(/^HTTP\/1\.1 403 /)
      expect(await handshake(port, target, 'X-Forwarded-For: 192.0.2.1')).toMatch(/^HTTP\/1\.1 403 /)
    }
  })
})

describe('tidings serve --dev and pages of this machine', () => {
  it('takes pages of its names from any port, and tells the log and the page what to do about others', async () => {
    const { port, run } = await served([...MEMORY_DEV])
    const own = ['http://localhost:5173', `http://localhost:${port}`, 'http://127.0.0.1:3000', 'https://[::1]']
    // Each ends only when the server gives up waiting for a connect command.
    const answers = await Promise.all(own.map((origin) => handshake(port, '/ws', `Origin: ${origin}`)))
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 101 /)
    for (const origin of ['http://localhost.evil.example:5173', 'null', 'app://localhost']) {
      expect(await handshake(port, '/ws', `Origin: ${origin}`)).toMatch(/^HTTP\/1\.1 403 [^]*origins/)
      await run.until(({ stderr }) => stderr.includes(`"origin":"${origin}"`))
    }
    expect(run.stderr).toMatch(/"code":"foreign-origin","why":"[^"]*list(ed)? [^"]*origins"/)
  })
})

describe('tidings serve --echo', () => {
  const open = async (url: string): Promise<WebSocket> => {
    const socket = new WebSocket(url, { maxPayload: 32 * 1024 * 1024 })
    onTestFinished(() => socket.terminate())
    await once(socket, 'open')
    return socket
  }

  it('gives text back as text and bytes as bytes', async () => {
    const { port } = await served([...MEMORY_DEV, '--echo', '/echo'])
    const socket = await open(`ws://127.0.0.1:${port}/echo`)
    socket.send('text ☃')
    expect(await once(socket, 'message')).toEqual([Buffer.from('text ☃'), false])
    socket.send(Buffer.from([0, 255]))
    expect(await once(socket, 'message')).toEqual([Buffer.from([0, 255]), true])
  })

  it('passes 65,536 fragments and 16 MiB with raised limits', async () => {
    const limits = ['--max-frame-bytes', String(17 * 1024 * 1024), '--max-fragments', '100000']
    const { port } = await served([...MEMORY_DEV, '--echo', '/echo', ...limits])
    const socket = await open(`ws://127.0.0.1:${port}/echo`)
    for (let left = 65_536; left > 0; left -= 1) socket.send('x', { fin: left === 1 })
    expect((await once(socket, 'message'))[0]).toHaveLength(65_536)
    socket.send(Buffer.alloc(16 * 1024 * 1024, 7))
    expect((await once(socket, 'message'))[0]).toHaveLength(16 * 1024 * 1024)
  })

  it('closes with 1009 and 1008 at the normal limits', async () => {
    const { port } = await served([...MEMORY_DEV, '--echo', '/echo'])
    const large = await open(`ws://127.0.0.1:${port}/echo`)
    large.send(Buffer.alloc(200_000))
    expect((await once(large, 'close'))[0]).toBe(1009)
    const fragmented = await open(`ws://127.0.0.1:${port}/echo`)
    for (let left = 20_000; left > 0; left -= 1) fragmented.send('x', { fin: left === 1 })
    expect((await once(fragmented, 'close'))[0]).toBe(1008)
  })
})
