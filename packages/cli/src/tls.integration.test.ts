import { once } from 'node:events'
import { rename, writeFile } from 'node:fs/promises'
import type { IncomingHttpHeaders } from 'node:http'
import { request } from 'node:https'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { freePort } from '@tidings/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { encrypted, makePair, type PemPair, writePair } from '../../../test/certificates/certificates.js'
import { ended, get, rawRequest, Run, type RunOptions, type Served, served, temporaryDir } from '../test/run-tidings.js'

interface TlsServed extends Served {
  readonly dir: string
  readonly pair: PemPair
}

const tlsArguments = (dir: string): readonly string[] => [
  '--tls-cert',
  join(dir, 'cert.pem'),
  '--tls-key',
  join(dir, 'key.pem'),
]

const DEV = ['--dev', '--memory', '--echo', '/echo']

const servedWithTls = async (
  args: readonly string[] = [],
  options: RunOptions = {},
  keyType: 'ec' | 'rsa' = 'ec',
): Promise<TlsServed> => {
  const dir = await temporaryDir()
  const pair = await makePair({ keyType })
  await writePair(dir, pair)
  return { ...(await served([...DEV, ...tlsArguments(dir), ...args], options)), dir, pair }
}

/** A TLS connection of its own; rejects when the handshake fails. */
const handshake = async (port: number, options: ConnectionOptions): Promise<TLSSocket> => {
  const socket = connect({ port, host: '127.0.0.1', ...options })
  onTestFinished(() => {
    socket.destroy()
  })
  await once(socket, 'secureConnect')
  return socket
}

const health = (port: number, ca: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    request({ port, host: '127.0.0.1', path: '/healthz', ca, agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .once('error', reject)
      .end()
  })

/** The answer's headers to a request for this host. */
const headersFor = (port: number, ca: string, host: string): Promise<IncomingHttpHeaders> =>
  new Promise((resolve, reject) => {
    const options = { port, host: '127.0.0.1', servername: 'localhost', path: '/healthz', ca, agent: false }
    request({ ...options, headers: { host } }, (response) => resolve(response.resume().headers))
      .once('error', reject)
      .end()
  })

describe('tidings serve with TLS 1.2', () => {
  const refused = /alert handshake failure|handshake_failure|no shared cipher/i

  it.each([
    ['ec', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
    ['ec', 'ECDHE-ECDSA-CHACHA20-POLY1305'],
    ['rsa', 'ECDHE-RSA-AES128-GCM-SHA256'],
    ['rsa', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ] as const)('takes suites with forward secrecy and authenticated encryption: %s %s', async (keyType, ciphers) => {
    const { port, pair } = await servedWithTls([], {}, keyType)
    const socket = await handshake(port, { ca: pair.cert, maxVersion: 'TLSv1.2', ciphers })
    expect(socket.getCipher().name).toBe(ciphers)
  })

  it.each([
    ['without forward secrecy', 'AES128-GCM-SHA256:AES256-GCM-SHA384'],
    ['without authenticated encryption', 'ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES256-SHA384:ECDHE-RSA-AES128-SHA'],
    ['without both', 'AES128-SHA:AES256-SHA256'],
  ])('refuses suites %s', async (_name, ciphers) => {
    const { port, pair } = await servedWithTls([], {}, 'rsa')
    const old = { ca: pair.cert, maxVersion: 'TLSv1.2', ciphers: `${ciphers}:@SECLEVEL=0` } as const
    await expect(handshake(port, old)).rejects.toThrow(refused)
  })

  it('keeps to that after the certificate was renewed', async () => {
    const { run, port, dir, pair } = await servedWithTls([], {}, 'rsa')
    const next = await makePair({ keyType: 'rsa' })
    await writePair(dir, next)
    await run.until(({ stderr }) => stderr.includes('The certificate was renewed'))
    const old = { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' } as const
    await expect(handshake(port, { ...old, ca: [pair.cert, next.cert] })).rejects.toThrow(refused)
  })

  it('does not renegotiate', async () => {
    const { port, pair } = await servedWithTls()
    const socket = await handshake(port, { ca: pair.cert, maxVersion: 'TLSv1.2' })
    socket.on('error', () => undefined)
    const error = await new Promise<Error | null>((resolve) => {
      socket.once('error', resolve)
      socket.renegotiate({}, resolve)
    })
    expect(error?.message).toMatch(/renegotiation/i)
    expect(await health(port, pair.cert)).toBe(200)
  })
})

describe('tidings serve --hsts', () => {
  const OTHERS = {
    contract: { channels: { 'chat:{room}': {} } },
    tokens: { keys: [{ secret: 'a secret of at least thirty-two bytes' }] },
  }

  it('pins a name to TLS, and neither localhost nor an address', async () => {
    const dir = await temporaryDir()
    const pair = await makePair()
    await writePair(dir, pair)
    const config = join(dir, 'tidings.config.json')
    await writeFile(config, JSON.stringify({ ...OTHERS, memory: true }))
    const { port } = await served(['--config', config, ...tlsArguments(dir), '--hsts'])
    const header = async (host: string) => (await headersFor(port, pair.cert, host))['strict-transport-security']
    expect(await header('live.example.com')).toBe('max-age=31536000')
    for (const host of ['localhost', `localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`]) {
      expect(await header(host)).toBeUndefined()
    }
    const without = await served(['--config', config, ...tlsArguments(dir)])
    expect(await headersFor(without.port, pair.cert, 'live.example.com')).not.toHaveProperty(
      'strict-transport-security',
    )
  })

  it('is not sent under --dev, and needs TLS', async () => {
    const { run, port, pair } = await servedWithTls(['--hsts'])
    expect(await headersFor(port, pair.cert, 'localhost')).not.toHaveProperty('strict-transport-security')
    await run.until(({ stderr }) => stderr.includes('no effect under --dev'))
    const { exitCode, stderr } = await ended('serve', ...DEV, '--hsts')
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('--tls-cert')])
  })
})

describe('tidings serve --tls-cert --tls-key', () => {
  it('serves https and wss, says so, and the command line speaks it', async () => {
    const { run, port, url, dir, pair } = await servedWithTls()
    expect(url).toBe(`wss://127.0.0.1:${port}/ws`)
    expect(run.stdout).toContain(`  WebSocket  ${url}\n  Echo       wss://127.0.0.1:${port}/echo\n`)
    expect(run.stdout).toContain(`  Health     https://127.0.0.1:${port}/healthz\n`)
    expect(await health(port, pair.cert)).toBe(200)
    const env = { NODE_EXTRA_CA_CERTS: join(dir, 'cert.pem') }
    const published = await new Run(['publish', 'chat:a', '{"text":"hi"}', '--url', url], { env }).input('').ended
    expect(published).toMatchObject({ exitCode: 0 })
    const history = await new Run(['history', 'chat:a', '--url', url], { env }).input('').ended
    expect(history.stdout).toContain('"hi"')
  })

  it('lets pages of its own host in that came over TLS, and no others', async () => {
    const { port, url, pair } = await servedWithTls()
    const answerTo = async (scheme: string): Promise<string> => {
      const socket = new WebSocket(url, { ca: pair.cert, origin: `${scheme}://127.0.0.1:${port}` })
      onTestFinished(() => socket.terminate())
      const refused = once(socket, 'error').then(([error]) => (error as Error).message)
      return Promise.race([once(socket, 'open').then(() => 'open'), refused])
    }
    expect(await answerTo('https')).toBe('open')
    expect(await answerTo('http')).toContain('403')
  })

  it('takes its files from variables, and from a configuration relative to it', async () => {
    const dir = await temporaryDir()
    const files = await writePair(dir, await makePair())
    const { url } = await served(DEV, { env: { TIDINGS_TLS_CERT: files.cert, TIDINGS_TLS_KEY: files.key } })
    expect(url).toMatch(/^wss:/)
    const config = join(dir, 'tidings.config.json')
    await writeFile(config, JSON.stringify({ tlsCert: 'cert.pem', tlsKey: './key.pem' }))
    expect((await served([...DEV, '--config', config])).url).toMatch(/^wss:/)
  })

  it('loads a renewed certificate, and open connections go on', async () => {
    const { run, port, url, dir, pair } = await servedWithTls()
    const client = new WebSocket(url.replace('/ws', '/echo'), { ca: pair.cert })
    onTestFinished(() => client.terminate())
    await once(client, 'open')
    const next = await makePair()
    for (const [name, text] of [
      ['cert.pem', next.cert],
      ['key.pem', next.key],
    ] as const) {
      await writeFile(join(dir, `${name}.new`), text)
      await rename(join(dir, `${name}.new`), join(dir, name))
    }
    await run.until(({ stderr }) => stderr.includes('The certificate was renewed'))
    expect(await health(port, next.cert)).toBe(200)
    await expect(health(port, pair.cert)).rejects.toThrow()
    client.send('still here')
    expect(await once(client, 'message')).toEqual([Buffer.from('still here'), false])
  })

  it('keeps its certificate when a wrong one comes, and says so', async () => {
    const { run, port, dir, pair } = await servedWithTls()
    await writeFile(join(dir, 'key.pem'), (await makePair()).key)
    await run.until(({ stderr }) => stderr.includes('does not belong'))
    expect(run.stderr).toContain('The certificate from before stays in use.')
    expect(await health(port, pair.cert)).toBe(200)
  })

  it('speaks TLS 1.2 and 1.3, and nothing older even when Node may', async () => {
    const { port, pair } = await servedWithTls([], { env: { NODE_OPTIONS: '--tls-min-v1.0' } })
    const old = { ca: pair.cert, ciphers: 'DEFAULT@SECLEVEL=0', minVersion: 'TLSv1' } as const
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const socket = await handshake(port, { ...old, maxVersion: version })
      expect(socket.getProtocol()).toBe(version)
    }
    for (const version of ['TLSv1', 'TLSv1.1'] as const) {
      await expect(handshake(port, { ...old, maxVersion: version })).rejects.toThrow(/protocol version/)
    }
  })

  it('cuts off what is not TLS, and handshakes that never end', async () => {
    const { port, pair } = await servedWithTls()
    expect(await rawRequest(port, 'GET /healthz HTTP/1.1', 'Host: 127.0.0.1')).not.toContain('200')
    const silent = connectTcp(port, '127.0.0.1')
    onTestFinished(() => {
      silent.destroy()
    })
    silent.on('error', () => undefined)
    await once(silent, 'close')
    expect(await health(port, pair.cert)).toBe(200)
  })

  it('warns of an expired certificate and serves', async () => {
    const dir = await temporaryDir()
    await writePair(dir, await makePair({ validToMs: Date.now() - 60_000 }))
    const { run } = await served([...DEV, ...tlsArguments(dir)])
    await run.until(({ stderr }) => stderr.includes('The certificate expired at '))
  })

  it('does not start with files that cannot be used, or with one alone', async () => {
    const dir = await temporaryDir()
    const pair = await makePair()
    await writePair(dir, { ...pair, key: encrypted(pair.key) })
    const broken = await ended('serve', ...DEV, '--port', '0', ...tlsArguments(dir))
    expect(broken).toMatchObject({ exitCode: 1, stdout: '' })
    expect(broken.stderr).toMatch(/^tidings: The private key in \S+key.pem is encrypted: [^\n]+\.\n$/)
    const missing = await ended('serve', ...DEV, '--port', '0', ...tlsArguments(join(dir, 'none')))
    expect(missing.stderr).toMatch(/^tidings: The certificate \S+ cannot be read: there is no such file\.\n$/)
    for (const [flags, sentence] of [
      [['--tls-cert', 'a'], 'A certificate needs its private key'],
      [['--tls-key', 'a'], 'A private key needs its certificate'],
      [['--redirect-to', '443'], 'so it needs that too'],
      [['--redirect-from', '8000'], 'leads to https, so it needs tlsCert and tlsKey'],
      [[...tlsArguments(dir), '--port', '8000', '--redirect-from', '8000'], 'must be another port than 8000'],
    ] as const) {
      const { exitCode, stderr } = await ended('serve', ...DEV, ...flags)
      expect(stderr).toContain(sentence)
      expect(exitCode).toBe(2)
    }
  })
})

describe('tidings serve --redirect-from', () => {
  it('sends everything to https, and serves nothing else', async () => {
    const redirectPort = await freePort()
    const { run, port } = await servedWithTls(['--redirect-from', String(redirectPort)])
    expect(run.stdout).toContain(`  Redirect   http://127.0.0.1:${redirectPort}\n`)
    for (const target of ['/', '/healthz?a=1', '/ws', '//other.example/x']) {
      const answer = await get(redirectPort, target, 'Host: live.example:80')
      expect(answer).toMatch(/^HTTP\/1\.1 308 /)
      expect(answer).toContain(`\r\nlocation: https://live.example:${port}${target}\r\n`)
    }
    const upgrade = ['Host: [::1]', 'Connection: Upgrade', 'Upgrade: websocket']
    expect(await get(redirectPort, '/ws', ...upgrade)).toContain(`\r\nlocation: https://[::1]:${port}/ws\r\n`)
    for (const host of ['a@evil.example', 'a/b', 'a b', '']) {
      expect(await get(redirectPort, '/', `Host: ${host}`)).toMatch(/^HTTP\/1\.1 400 /)
    }
    expect(await rawRequest(redirectPort, 'nonsense')).toMatch(/^HTTP\/1\.1 400 /)
  })

  it.each([
    ['443', 'https://live.example'],
    ['9443', 'https://live.example:9443'],
    ['https://www.example', 'https://www.example'],
  ])('leads to %s where the world sees another port than the node has', async (to, origin) => {
    const redirectPort = await freePort()
    await servedWithTls(['--redirect-from', String(redirectPort), '--redirect-to', to])
    const answer = await get(redirectPort, '/a?b', 'Host: live.example:8000')
    expect(answer).toContain(`\r\nlocation: ${origin}/a?b\r\n`)
    expect(await get(redirectPort, '/a', 'Host: a@evil.example')).toMatch(/^HTTP\/1\.1 400 /)
  })

  it('says which of the two ports is in use, and lets go of the other', async () => {
    const { port: taken } = await served(DEV)
    const dir = await temporaryDir()
    await writePair(dir, await makePair())
    const { exitCode, stderr } = await ended(
      'serve',
      ...DEV,
      '--port',
      '0',
      ...tlsArguments(dir),
      '--redirect-from',
      String(taken),
    )
    expect(stderr).toMatch(new RegExp(`^tidings: Port ${taken} on 127.0.0.1 is in use: .*--redirect-from\\.\n$`))
    expect(exitCode).toBe(1)
  })
})

describe('tidings serve --trusted-proxies', () => {
  it('refuses what is no address, and --dev beside it', async () => {
    const dir = await temporaryDir()
    const config = join(dir, 'tidings.config.mjs')
    await writeFile(config, 'export default { contract: { channels: { a: {} } }, authenticate: () => null }')
    for (const [flags, sentence] of [
      [
        ['--config', config, '--memory', '--trusted-proxies', '::1,proxy'],
        "trustedProxies has 'proxy', which is no address",
      ],
      [[...DEV, '--trusted-proxies', '::1'], 'trustedProxies and dev exclude each other'],
    ] as const) {
      const { exitCode, stderr } = await ended('serve', '--port', '0', ...flags)
      expect(stderr).toContain(sentence)
      expect(exitCode).toBe(2)
    }
  })
})
