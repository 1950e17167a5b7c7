import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Ended, Run, served, temporaryDir } from '../test/run-tidings.js'

const SECRET = 'a secret of more than thirty-two bytes'
const CONTRACT = { channels: { 'chat:{room}': { history: { maxCount: 10 } }, 'user:{id}': {} } }

const pem = (key: 'private' | 'public', pair: ReturnType<typeof generateKeyPairSync>): string =>
  key === 'private'
    ? pair.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
    : pair.publicKey.export({ format: 'pem', type: 'spki' }).toString()

interface Place {
  readonly dir: string
  readonly run: (...args: readonly string[]) => Promise<Ended>
}

/** A folder with a configuration. */
const place = async (
  tokens: unknown,
  more: object = {},
  env: Readonly<Record<string, string>> = {},
): Promise<Place> => {
  const dir = await temporaryDir()
  await writeFile(
    join(dir, 'tidings.config.json'),
    JSON.stringify({ memory: true, contract: CONTRACT, tokens, ...more }),
  )
  return { dir, run: (...args) => new Run(args, { dir, env }).input('').ended }
}

const made = async (run: Place['run'], ...args: readonly string[]): Promise<string> => {
  const { exitCode, stdout, stderr } = await run('token', ...args)
  expect([exitCode, stderr]).toEqual([0, expect.stringMatching(/^A token of \S+ for .*; its id is .*\.\n$/)])
  return stdout.trim()
}

describe('tidings token', () => {
  it('makes a token that the server of this folder takes, for what it allows', async () => {
    const allow = { 'user:{id}': { publish: { user: '{id}' } } }
    const { dir, run } = await place({ keys: [{ id: 'main', secret: SECRET }], audience: ['app', 'b'] }, { allow })
    const { url } = await served([], { dir })
    const token = await made(run, '--user', 'ann', '--allow', 'chat:{room}=publish', '--allow', 'chat:a=history')
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'HS256', typ: 'JWT', kid: 'main' })
    expect(decodeJwt(token)).toMatchObject({
      sub: 'ann',
      aud: 'app',
      tidings: { allow: { 'chat:{room}': ['publish'], 'chat:a': ['history'] } },
      jti: expect.any(String) as string,
    })
    const publish = async (channel: string, text: string) =>
      (await run('publish', channel, '1', '--url', url, '--token', text)).exitCode
    expect(await publish('chat:a', token)).toBe(0)
    expect(await publish('user:ann', token)).toBe(0)
    expect(await publish('user:bob', token)).toBe(4)
    expect((await run('history', 'chat:a', '--url', url, '--token', token)).exitCode).toBe(0)
    expect((await run('history', 'chat:b', '--url', url, '--token', token)).stderr).toContain('(forbidden)')
    expect((await run('publish', 'chat:a', '1', '--url', url)).stderr).toContain('a token is needed (unauthorized)')
  })

  it.each([
    ['an RSA key', () => generateKeyPairSync('rsa', { modulusLength: 2048 }), 'RS256'],
    ['an elliptic key', () => generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'ES256'],
    ['an Ed25519 key', () => generateKeyPairSync('ed25519'), 'EdDSA'],
  ])(
    'signs with the private half of %s in a file; the server needs the public one only',
    async (_name, pairOf, alg) => {
      const pair = pairOf()
      const { dir, run } = await place({ keys: [{ file: 'public.pem' }] })
      await writeFile(join(dir, 'public.pem'), pem('public', pair))
      await writeFile(join(dir, 'private.pem'), pem('private', pair))
      const { url } = await served([], { dir })
      expect((await run('token', '--user', 'ann')).stderr).toContain('give the private one with --key')
      const token = await made(run, '--user', 'ann', '--key', 'private.pem', '--allow', 'chat:a=publish')
      expect(decodeProtectedHeader(token).alg).toBe(alg)
      expect((await run('publish', 'chat:a', '1', '--url', url, '--token', token)).exitCode).toBe(0)
      expect(await run('token', '--check', token)).toMatchObject({
        exitCode: 0,
        stderr: expect.stringMatching(/^The server would take it as ann, for (1 hour|59 minutes) more\.\n$/) as string,
      })
    },
  )

  it('takes the secret from the environment, as the server does', async () => {
    const { dir, run } = await place(undefined, {}, { TIDINGS_TOKEN_SECRET: SECRET })
    const { url } = await served([], { dir, env: { TIDINGS_TOKEN_SECRET: SECRET } })
    const token = await made(run, '--user', 'ann', '--allow', '{all...}=publish')
    expect((await run('publish', 'chat:a', '1', '--url', url, '--token', token)).exitCode).toBe(0)
  })

  it('makes none that the server would refuse, and says what to do', async () => {
    const { run } = await place({ keys: [{ variable: 'KEY' }], audience: 'app' }, {}, { KEY: SECRET })
    const refusals = [
      await run('token', '--user', 'ann', '--expires', '8d'),
      await run('token', '--user', 'ann', '--audience', 'shop'),
      await run('token', '--user', 'a'.repeat(129)),
      await run('token'),
      await run('token', '--user', 'ann', '--expires', '1 hour'),
      await run('token', '--user', 'ann', '--allow', 'chat:{room}=read'),
      await run('token', '--user', 'ann', '--claim', 'a=b'),
      await run('token', '--user', 'ann', '--config', 'none.json'),
      await run('token', '--user', 'ann', '--key', 'none.pem'),
    ]
    expect(refusals.map(({ exitCode }) => exitCode)).toEqual([2, 2, 2, 2, 2, 2, 2, 1, 1])
    expect(refusals.map(({ stdout }) => stdout).join('')).toBe('')
    const sentences = refusals.map(({ stderr }) => stderr)
    for (const sentence of sentences) expect(sentence).toMatch(/^tidings: [^\n]*\.\n$/)
    for (const [index, part] of [
      'raise tokens.maxLifetimeMs (token-lifetime)',
      "is 'shop', and tokens.audience is 'app'",
      '(token-subject)',
      '--user says',
      'must be a duration',
      "'read' is not one of",
      'b is not JSON',
      'there is no such file',
      'there is no such file',
    ].entries()) {
      expect(sentences[index]).toContain(part)
    }
  })

  it('explains why a token is refused, one sentence each, and never takes its text for its own', async () => {
    const { run } = await place({ keys: [{ id: 'main', secret: SECRET }], issuer: 'me', audience: 'app' })
    const sign = (claims: object, header: object = {}, key = SECRET) =>
      new SignJWT({ sub: 'ann', iss: 'me', aud: 'app', exp: now + 600, ...claims })
        .setProtectedHeader({ alg: 'HS256', ...header })
        .sign(Buffer.from(key))
    const now = Math.floor(Date.now() / 1000)
    const cases: readonly (readonly [string, string])[] = [
      [await sign({ exp: now - 7300 }), 'it expired 2 hours ago: get a fresh one from its issuer (token-expired)'],
      [await sign({ nbf: now + 3660 }), 'it is valid only in 1 hour: wait, or set the issuer’s clock right'],
      [await sign({ aud: 'shop' }), "its audience (aud) is 'shop', and tokens.audience is 'app'"],
      [await sign({ iss: undefined }), "its issuer (iss) is missing, and tokens.issuer is 'me'"],
      [await sign({}, {}, `${SECRET}!`), 'it was signed with another key than the one here'],
      [await sign({}, { kid: 'other\u001b[31m' }), 'it names the key'],
      [await sign({ tidings: { allow: { a: ['read'] } } }), '"chat:{room}": ["subscribe", "publish"]'],
      [`${Buffer.from('{"alg":"none"}').toString('base64url')}.e30.`, "its algorithm is 'none'"],
      ['Bearer x', 'three parts'],
    ]
    for (const [text, part] of cases) {
      const { exitCode, stdout, stderr } = await run('token', '--check', text)
      expect([exitCode, stdout]).toEqual([4, ''])
      expect(stderr).toContain(part)
      expect(stderr).toMatch(/^tidings: The server would refuse it: [^\n\u001b]*\(token-[a-z-]+\)\.\n$/)
    }
  })

  it('reads a token to check from standard input', async () => {
    const { dir, run } = await place({ keys: [{ secret: SECRET }] })
    const token = await made(run, '--user', 'ann', '--claim', 'rooms=["a"]')
    const { exitCode, stdout } = await new Run(['token', '--check', '-'], { dir }).input(`${token}\n`).ended
    expect(exitCode).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ sub: 'ann', rooms: ['a'] })
  })

  it('checks with the keys at an address, and says when it is away', async () => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    // A copy: Node 20 may halt when the very key that was generated is written as JSON Web Key.
    const jwk = createPublicKey(pem('public', pair)).export({ format: 'jwk' })
    const issuer = createServer((_request, response) => response.end(JSON.stringify({ keys: [{ ...jwk, kid: 'a' }] })))
    issuer.listen(0, '127.0.0.1')
    await once(issuer, 'listening')
    onTestFinished(() => void issuer.close())
    const jwks = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/jwks`
    const { dir, run } = await place({ jwks, audience: 'app' })
    await writeFile(join(dir, 'key.pem'), pem('private', pair))
    const token = await made(run, '--user', 'ann', '--key', 'key.pem', '--key-id', 'a')
    expect((await run('token', '--check', token)).exitCode).toBe(0)
    issuer.closeAllConnections()
    await new Promise((resolve) => issuer.close(resolve))
    expect(await run('token', '--check', token)).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining(`The keys at ${jwks} cannot be fetched`) as string,
    })
  })

  it.each([
    ['short', 'tokens.keys[0].secret must have at least 32 bytes'],
    ['-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----', 'is PEM that cannot be read'],
    ['{"kty":"EC"}', 'is no JSON Web Key that can be read'],
    ['{"keys":[]}', 'is a set of keys'],
  ])('says what is wrong with the key %j, as the server does', async (key, part) => {
    const { dir, run } = await place({ keys: [{ file: 'key' }] })
    await writeFile(join(dir, 'key'), key)
    for (const args of [
      ['token', '--user', 'ann'],
      ['serve', '--port', '0'],
    ]) {
      const { exitCode, stderr } = await run(...args)
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining(part)])
    }
  })

  it('without a configuration and a key says how to give one', async () => {
    const dir = await temporaryDir()
    const { exitCode, stderr } = await new Run(['token', '--user', 'ann'], { dir }).input('').ended
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('give one with --key')])
  })

  it('works as docs/operations.md shows it in JSON', async () => {
    const text = await readFile(resolve(import.meta.dirname, '../../../docs/operations.md'), 'utf8')
    const [config, claims] = [...text.matchAll(/```json\n(.*?)```/gs)].map(
      ([, json]) => JSON.parse(json ?? '') as object,
    )
    const dir = await temporaryDir()
    await writeFile(join(dir, 'tidings.config.json'), JSON.stringify(config))
    const env = { TOKEN_SECRET: SECRET }
    const { url } = await served(['--memory'], { dir, env })
    const sign = (content: object) =>
      new SignJWT({ ...content, aud: 'chat' })
        .setProtectedHeader({ alg: 'HS256' })
        .setExpirationTime('1h')
        .sign(Buffer.from(SECRET))
    const token = await sign(claims ?? {})
    const codeOf = async (...args: readonly string[]) => {
      const run = new Run([...args, '--url', url, '--token', token], { dir, env }).input('')
      const { exitCode, stderr } = await run.ended
      return exitCode === 0 ? 'done' : /\((\S+)\)\.\n$/.exec(stderr)?.[1]
    }
    expect(await codeOf('publish', 'chat:a', '1')).toBe('done')
    expect(await codeOf('history', 'chat:a')).toBe('done')
    expect(await codeOf('publish', 'user:ann', '1')).toBe('forbidden')
    expect(await codeOf('subscribe', 'user:bob')).toBe('forbidden')
    const subscriber = new Run(['subscribe', 'user:ann', '--url', url, '--token', token], { dir, env })
    await subscriber.until(({ stderr }) => stderr.includes('Caught up'))
  })
})
