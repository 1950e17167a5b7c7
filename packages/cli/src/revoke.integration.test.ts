import { once } from 'node:events'
import { generateKeyPairSync } from 'node:crypto'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort, RawClient } from '@tidings/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Ended, get, rawRequest, Run, type Served, served, temporaryDir } from '../test/run-tidings.js'

const SECRET = 'a secret of more than thirty-two bytes'
const CONTRACT = { channels: { 'chat:{room}': { history: { maxCount: 10 } } } }

interface Place {
  readonly dir: string
  readonly run: (...args: readonly string[]) => Promise<Ended>
  readonly serve: (...args: readonly string[]) => Promise<Served>
  readonly token: (...args: readonly string[]) => Promise<string>
}

/** A folder with a configuration, whose tokens may subscribe. */
const place = async (tokens: unknown = { keys: [{ secret: SECRET }] }): Promise<Place> => {
  const dir = await temporaryDir()
  await writeFile(join(dir, 'tidings.config.json'), JSON.stringify({ contract: CONTRACT, tokens }))
  const run: Place['run'] = (...args) => new Run(args, { dir }).input('').ended
  return {
    dir,
    run,
    serve: (...args) => served(args, { dir }),
    token: async (...args) => (await run('token', ...args)).stdout.trim(),
  }
}

const subscriber = async ({ dir }: Place, url: string, token: string): Promise<Run> => {
  const run = new Run(['subscribe', 'chat:a', '--url', url, '--token', token], { dir })
  await run.until(({ stderr }) => stderr.includes('Caught up'))
  return run
}

const REVOKED = { exitCode: 4, stderr: expect.stringMatching(/revoked/) as string }

const ALLOW = ['--allow', 'chat:{room}=subscribe,history,create'] as const

describe('tidings revoke', () => {
  it('locks out a user: sessions end, tokens are refused, also after a restart', async () => {
    const here = await place()
    const port = String(await freePort())
    const { run, url } = await here.serve('--port', port)
    const [ada, bob] = [await here.token('--user', 'ada', ...ALLOW), await here.token('--user', 'bob', ...ALLOW)]
    const locked = await Promise.all([subscriber(here, url, ada), subscriber(here, url, ada)])
    const other = await subscriber(here, url, bob)
    const done = await here.run('revoke', '--user', 'ada', '--url', url)
    expect(done).toEqual({
      exitCode: 0,
      stdout: '{"revoked":{"user":"ada"},"ended":2}\n',
      stderr: expect.stringMatching(/^Revoked user 'ada': [^\n]* lock the account [^\n]*\.\n$/) as string,
    })
    for (const one of locked) expect(await one.ended).toMatchObject(REVOKED)
    const history = (token: string) => here.run('history', 'chat:a', '--url', url, '--token', token)
    expect(await history(ada)).toMatchObject(REVOKED)
    expect(run.stderr).toContain('"text":"an operator revoked access","user":"ada","ended":2,"operator":"operator"')
    expect(run.stderr).not.toContain(ada)
    await run.kill('SIGTERM').ended
    await here.serve('--port', port)
    expect(await history(ada)).toMatchObject(REVOKED)
    expect((await history(bob)).exitCode).toBe(0)
    expect(other.child.exitCode).toBeNull()
  })

  it('locks out a token, and no other one of its user', async () => {
    const here = await place()
    const { port, url } = await here.serve('--memory')
    const lost = await here.token('--user', 'ada', '--id', 'lost', ...ALLOW)
    const kept = await here.token('--user', 'ada', ...ALLOW)
    const locked = await subscriber(here, url, lost)
    const address = `http://127.0.0.1:${port}/`
    expect(await here.run('revoke', '--token-id', 'lost', '--url', address)).toMatchObject({ exitCode: 0 })
    expect(await locked.ended).toMatchObject(REVOKED)
    expect((await here.run('history', 'chat:a', '--url', url, '--token', kept)).exitCode).toBe(0)
  })

  it.each(['0', '2'])('locks out a session wherever it is, with %s workers', async (workers) => {
    const here = await place()
    const { port, url } = await here.serve('--memory', '--workers', workers)
    const token = await here.token('--user', 'ada', ...ALLOW)
    const client = await RawClient.open(url, { token })
    const { session } = await client.next('connected')
    const flags = ['--session', session, '--url', `http://127.0.0.1:${port}`]
    expect(await here.run('revoke', ...flags)).toMatchObject({ exitCode: 0 })
    expect(await client.closed).toEqual({ code: 4502, reason: 'revoked' })
    await expect.poll(() => here.run('history', 'chat:a', '--url', url, '--token', token)).toMatchObject(REVOKED)
    expect((await here.run('revoke', ...flags)).stderr).toMatch(/has no session .* revoke the user or the token\.\n$/)
  })

  it('asks with a token that holds no longer than the server allows', async () => {
    const here = await place({ keys: [{ secret: SECRET }], maxLifetimeMs: 5500 })
    const { url } = await here.serve('--memory', '--dev')
    expect(await here.run('revoke', '--user', 'ada', '--url', url)).toMatchObject({ exitCode: 0 })
  })

  it('locks out a user at all workers', async () => {
    const here = await place()
    const { url } = await here.serve('--memory', '--workers', '2')
    const token = await here.token('--user', 'ada', ...ALLOW)
    const locked = await Promise.all([1, 2, 3, 4].map(() => subscriber(here, url, token)))
    expect(await here.run('revoke', '--user', 'ada', '--url', url)).toMatchObject({ exitCode: 0 })
    for (const one of locked) expect(await one.ended).toMatchObject(REVOKED)
    for (let again = 0; again < 4; again++) {
      expect(await here.run('history', 'chat:a', '--url', url, '--token', token)).toMatchObject(REVOKED)
    }
  })

  it('takes a token that was made where the private key is', async () => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const here = await place({ keys: [{ file: 'public.pem' }], audience: 'app' })
    await writeFile(join(here.dir, 'public.pem'), pair.publicKey.export({ format: 'pem', type: 'spki' }))
    await writeFile(join(here.dir, 'private.pem'), pair.privateKey.export({ format: 'pem', type: 'pkcs8' }))
    const { url } = await here.serve('--memory')
    const args = ['revoke', '--user', 'ada', '--url', url] as const
    expect(await here.run(...args)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/they are public: give the private one with --token-key, or/) as string,
    })
    expect((await here.run(...args, '--token-key', 'private.pem')).exitCode).toBe(0)
    const made = await here.token('--operator', '--key', 'private.pem', '--expires', '5m')
    expect((await here.run(...args, '--token', made)).exitCode).toBe(0)
    expect((await new Run([...args, '--token', '-'], { dir: here.dir }).input(`${made}\n`).ended).exitCode).toBe(0)
    const env = { TIDINGS_OPERATOR_TOKEN: made }
    expect((await new Run([...args], { dir: here.dir, env }).input('').ended).exitCode).toBe(0)
    expect(await here.run('token', '--check', made)).toMatchObject({
      exitCode: 0,
      stderr: expect.stringMatching(
        /^The server would take it from the operator 'operator' and from no client, for/,
      ) as string,
    })
    expect((await here.run('history', 'chat:a', '--url', url, '--token', made)).stderr).toContain('lets nobody connect')
    expect((await here.run('token', '--operator', '--key', 'private.pem', '--expires', '2h')).stderr).toContain(
      '(token-lifetime)',
    )
  })

  it('is refused with the token of a user, another key, or from another audience, and says what to do', async () => {
    const here = await place({ keys: [{ secret: SECRET }], audience: 'app' })
    const other = await place({ keys: [{ secret: `${SECRET}!` }], audience: 'app' })
    const elsewhere = await place({ keys: [{ secret: SECRET }], audience: 'shop' })
    const { url } = await here.serve('--memory')
    const user = await here.token('--user', 'ada', '--allow', '{all...}=subscribe,publish,history,presence')
    const flags = ['revoke', '--user', 'ada', '--url', url] as const
    for (const [ended, part, code] of [
      [here.run(...flags, '--token', user), 'tidings token --operator', 'forbidden'],
      [here.run(...flags, '--token', 'nonsense'), 'where the server', 'unauthorized'],
      [other.run(...flags), 'the key, tokens.issuer and tokens.audience must be those of the server', 'unauthorized'],
      [elsewhere.run(...flags), 'another audience', 'unauthorized'],
    ] as const) {
      const { exitCode, stdout, stderr } = await ended
      expect([exitCode, stdout]).toEqual([4, ''])
      expect(stderr).toMatch(/^tidings: The server refused: [^\n]*\)\.\n$/)
      expect(stderr).toContain(part)
      expect(stderr).toContain(`(${code}).`)
    }
  })

  it('says in one sentence that a server without tokens revokes nothing', async () => {
    const here = await place()
    const { url } = await served(['--dev', '--memory'])
    const ended = await here.run('revoke', '--user', 'ada', '--url', url)
    expect(ended).toMatchObject({ exitCode: 4, stdout: '' })
    expect(ended.stderr).toMatch(/^tidings: The server refused: this node checks no tokens [^\n]*\(not-found\)\.\n$/)
    const dir = await temporaryDir()
    const without = await new Run(['revoke', '--user', 'ada', '--url', url], { dir }).input('').ended
    expect(without.exitCode).toBe(2)
    expect(without.stderr).toMatch(/^tidings: There is no key [^\n]* under --dev, can revoke nothing\.\n$/)
  })

  it('says what is wrong with its options', async () => {
    const here = await place()
    for (const [flags, part] of [
      [[], 'Say whom to lock out'],
      [['--user', 'a', '--session', 'b'], 'exclude each other'],
      [['--user', ''], '--user must not be empty'],
      [['--user', 'a', '--url', 'localhost'], 'must be an address'],
      [['--user', 'a', '--token', 'b', '--token-key', 'c'], 'cannot be used with'],
    ] as const) {
      const { exitCode, stderr } = await here.run('revoke', ...flags)
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining(part)])
    }
    const missing = await here.run('revoke', '--user', 'a', '--token-key', 'none.pem')
    expect([missing.exitCode, missing.stderr]).toEqual([1, expect.stringContaining('there is no such file')])
  })

  it('says what to do when no Tidings server answers', async () => {
    const here = await place()
    const answering = async (listener: RequestListener): Promise<string> => {
      const server = createServer(listener)
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      onTestFinished(() => {
        server.closeAllConnections()
        server.close()
      })
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    }
    const cases: readonly (readonly [string, number, string])[] = [
      [`http://127.0.0.1:${await freePort()}`, 3, 'nothing listens there, so start the server or correct --url'],
      ['http://nobody.invalid', 3, 'there is no host of this name'],
      [(await answering(() => undefined)).replace('http', 'https'), 3, 'should begin with http://'],
      [await answering((request) => request.destroy()), 3, 'where the server speaks TLS, --url begins with https://'],
      [await answering((_request, response) => response.end('hello')), 3, 'not as a Tidings server that can revoke'],
      [
        await answering((_request, response) => response.writeHead(308, { location: 'https://a.example/' }).end()),
        3,
        'it redirects to https://a.example/, so give that one',
      ],
      [await answering(() => undefined), 1, 'it may be done or not: run it again'],
    ]
    for (const [url, code, part] of cases) {
      const seconds = code === 1 ? '2' : '30'
      const { exitCode, stderr } = await here.run('revoke', '--user', 'ada', '--url', url, '--timeout', seconds)
      expect([exitCode, stderr]).toEqual([code, expect.stringContaining(part)])
      expect(stderr).toMatch(/^tidings: [^\n]*\.\n$/)
    }
  })
})

describe('POST /revocations', () => {
  it('takes requests that curl can make, and none of pages', async () => {
    const here = await place()
    const { port } = await here.serve('--memory', '--echo', '/echo')
    const token = await here.token('--operator', '--expires', '1m')
    const post = (body: string, ...headers: readonly string[]) =>
      rawRequest(
        port,
        ...['POST /revocations HTTP/1.1', 'Host: a', 'Connection: close', `Content-Length: ${body.length}`],
        ...[...headers, '', body],
      )
    const bearer = `Authorization: Bearer ${token}`
    expect(await post('{"user":"ada"}', bearer)).toMatch(/^HTTP\/1\.1 200 [^]*{"revoked":{"user":"ada"},"ended":0}/)
    expect(await post('{"user":"ada"}', bearer, 'Origin: http://a')).toMatch(/^HTTP\/1\.1 403 [^]*"code":"forbidden"/)
    expect(await post('{"user":"ada"}')).toMatch(/^HTTP\/1\.1 401 [^]*"code":"unauthorized"/)
    expect(await post('{"users":1}', bearer)).toMatch(/^HTTP\/1\.1 400 [^]*"code":"bad-command"/)
    expect(await get(port, '/revocations', bearer)).toMatch(/^HTTP\/1\.1 405 [^]*"code":"method-not-allowed"/)
  })

  it('has its path for itself', async () => {
    const here = await place()
    const { exitCode, stderr } = await here.run('serve', '--memory', '--port', '0', '--echo', '/revocations')
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('must not be /revocations')])
  })
})
