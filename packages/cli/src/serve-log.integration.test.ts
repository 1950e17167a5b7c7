import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ended, handshake, jsonLines, Run, served, temporaryDir, tidings } from '../test/run-tidings.js'

const SECRET = 'a secret of at least thirty-two bytes'

/** A folder with a configuration that checks tokens. */
const configured = async (more: object = {}): Promise<string> => {
  const dir = await temporaryDir()
  const config = {
    contract: { channels: { 'chat:{room}': {} } },
    tokens: { keys: [{ secret: SECRET }] },
    allow: { 'chat:{room}': { subscribe: { user: '{room}' } } },
    ...more,
  }
  await writeFile(join(dir, 'tidings.config.json'), JSON.stringify(config))
  return dir
}

const lines = ({ stderr }: Run) => jsonLines(stderr.replace(/^(?!\{).*\n/gm, ''))

const line = async (run: Run, code: string) => {
  await run.until(({ stderr }) => stderr.includes(`"code":"${code}"`))
  return lines(run).find((one) => one.code === code)
}

/** Few files are a setting of the shell that starts it. */
const servedWithFiles = async (files: number, args: readonly string[]): Promise<{ run: Run; port: number }> => {
  const dir = await temporaryDir()
  const run = new Run(['serve', '--dev', '--data', dir, '--port', '0', ...args], { dir, files })
  await run.until(({ stdout }) => stdout.includes('Data '))
  return { run, port: Number(/:(\d+)\/ws\n/.exec(run.stdout)?.[1]) }
}

describe.runIf(process.platform === 'linux')('tidings serve that may open few files', () => {
  it.each(['0', '2'])(
    'warns of it at start, and cuts off what it has no room for, with %s workers',
    async (workers) => {
      const { run, port } = await servedWithFiles(120, ['--workers', workers])
      await run.until(({ stderr }) => /This process may open 120 files .* limits\.maxConnections/.test(stderr))
      const sockets = Array.from({ length: 400 }, () => connect(port, '127.0.0.1').on('error', () => undefined))
      await run.until(({ stderr }) => stderr.includes('running out of files'))
      expect(lines(run).find(({ text }) => String(text).includes('running out'))).toMatchObject({
        level: 'error',
        files: 120,
      })
      for (const socket of sockets) socket.destroy()
      const status = (): Promise<number> =>
        fetch(`http://127.0.0.1:${port}/healthz`).then(
          (response) => response.status,
          () => 0,
        )
      await expect.poll(status).toBe(200)
    },
  )

  it('says so in one sentence when it cannot even be loaded', async () => {
    const { exitCode, stderr } = await new Run(['serve', '--dev', '--memory'], { files: 40 }).ended
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/^tidings: [^\n]*may open 40 files only[^\n]*\n$/)
  })
})

describe('the log of tidings serve', () => {
  it.each(['0', '2'])('names who was refused, with %s workers', async (workers) => {
    const dir = await configured()
    const { run, url, port } = await served(['--memory', '--workers', workers], { dir })
    await ended('subscribe', 'chat:ann', '--url', url, '--token', 'nonsense')
    const token = (await tidings('token', '--user', 'bob', '--config', join(dir, 'tidings.config.json')).ended).stdout
    await ended('subscribe', 'chat:ann', '--url', url, '--token', token.trim())
    await handshake(port, '/ws', 'Origin: https://evil.example')
    const from = { level: 'info', text: 'a client was refused', remoteAddress: '127.0.0.1' }
    expect(await line(run, 'token-malformed')).toMatchObject({ ...from, command: 'connect' })
    expect(await line(run, 'forbidden')).toMatchObject({
      ...from,
      ...{ command: 'subscribe', channel: 'chat:ann', user: 'bob' },
      session: expect.any(String) as string,
    })
    expect(await line(run, 'foreign-origin')).toMatchObject({ ...from, origin: 'https://evil.example' })
    if (workers !== '0')
      expect(lines(run).every(({ code, worker }) => code === undefined || typeof worker === 'number')).toBe(true)
    expect(run.stderr).not.toContain(token.trim())
  })

  it('says less at --log-level warn', async () => {
    const { run, port } = await served(['--memory', '--log-level', 'warn'], { dir: await configured() })
    await handshake(port, '/ws', 'Origin: https://evil.example')
    await run.until(({ stderr }) => stderr.includes('"limit":"origins"'))
    expect(run.stderr).not.toContain('a client was refused')
  })

  it('goes on when nobody reads it any more', async () => {
    const { run, port } = await served(['--memory'], { dir: await configured() })
    run.child.stderr?.destroy()
    for (let times = 0; times < 3; times++) {
      expect(await handshake(port, '/ws', 'Origin: https://evil.example')).toMatch(/^HTTP\/1\.1 403 /)
    }
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200)
  })
})
