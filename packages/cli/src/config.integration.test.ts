import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ended, Run, served, temporaryDir } from '../test/run-tidings.js'

const MEMORY_DEV = ['--dev', '--memory']

describe('the configuration of tidings serve', () => {
  const withConfig = async (name: string, text: string): Promise<string> => {
    const dir = await temporaryDir('tidings config ')
    await writeFile(join(dir, name), text)
    return dir
  }
  const endedIn = (dir: string, ...args: readonly string[]) => new Run(['serve', '--port', '0', ...args], { dir }).ended

  it('is found in the working directory, as JSON with a plain contract', async () => {
    const config = { memory: true, contract: { channels: { 'chat:{room}': { history: { maxCount: 5 } } } } }
    const dir = await withConfig('tidings.config.json', JSON.stringify(config))
    const { url } = await served(['--dev'], { dir })
    for (let left = 7; left > 0; left -= 1) await ended('publish', 'chat:a', String(left), '--url', url)
    const { stdout } = await ended('history', 'chat:a', '--url', url)
    expect(stdout.match(/"kind":"publication"/g)).toHaveLength(5)
  })

  it('loses to the environment, and that to a flag', async () => {
    const dir = await withConfig('tidings.config.json', JSON.stringify({ memory: true, dev: true, echo: '/of-file' }))
    const byFile = await served([], { dir })
    expect(byFile.run.stdout).toContain('/of-file')
    const env = { TIDINGS_ECHO: '/of-environment' }
    const byEnvironment = await served([], { dir, env })
    expect(byEnvironment.run.stdout).toContain('/of-environment')
    const byFlag = await served(['--echo', '/of-flag'], { dir, env })
    expect(byFlag.run.stdout).toContain('/of-flag')
  })

  it.each([
    ['an unknown key', 'tidings.config.json', '{"hosst":"a"}', 2, 'tidings.config.json: hosst is not a setting'],
    ['a wrong type', 'tidings.config.json', '{"port":"80"}', 2, 'tidings.config.json: port must be a whole number'],
    ['a syntax error in JSON', 'tidings.config.json', '{', 1, 'tidings.config.json cannot be read'],
    ['a syntax error in TypeScript', 'tidings.config.ts', 'export default {', 1, 'tidings.config.ts cannot be read'],
    ['code that throws', 'tidings.config.mjs', 'throw new Error("no db")', 1, 'cannot be read: no db'],
    ['a wrong line of JSON', 'tidings.config.json', '{\n"port": 80,\n"host" "a"}', 1, '(tidings.config.json:3).'],
    ['JSON that ends too early', 'tidings.config.json', '{\n"port": [', 1, '(tidings.config.json:2).'],
    ['a wrong line of TypeScript', 'tidings.config.ts', 'export default {\na b', 1, '(tidings.config.ts:2).'],
    ['a wrong line of JavaScript', 'tidings.config.mjs', 'export default {\na b', 1, '(tidings.config.mjs:2).'],
    ['a line that throws', 'tidings.config.mjs', '\nthrow new Error("no db")', 1, ': no db (tidings.config.mjs:2).'],
    ['code that throws a text', 'tidings.config.mjs', 'throw "no db"', 1, 'cannot be read: no db.'],
    ['no default export', 'tidings.config.ts', 'export const a = 1', 2, 'must export its configuration as default'],
  ])('is refused for %s in one sentence', async (_title, name, text, exitCode, sentence) => {
    const dir = await withConfig(name, text)
    const run = await endedIn(dir, ...MEMORY_DEV)
    expect(run.stderr).toContain(sentence)
    expect(run.stderr.trim().split('\n')).toHaveLength(1)
    expect(run).toMatchObject({ exitCode, stdout: '' })
  })

  it('names the file that it imports and that is wrong', async () => {
    const dir = await withConfig('tidings.config.ts', 'import "./my rules.ts"\nexport default {}')
    await writeFile(join(dir, 'my rules.ts'), 'export const a = 1\nlet b = ;')
    const run = await endedIn(dir, ...MEMORY_DEV)
    expect(run).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('(my rules.ts:2).') as string })
  })

  it('is refused when the file or the folder of a page is not there', async () => {
    const dir = await withConfig('pages.json', JSON.stringify({ pages: [{ title: 'Chat', path: '/', dir: 'none' }] }))
    const noFile = await endedIn(dir, ...MEMORY_DEV, '--config', 'none.json')
    expect(noFile).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('there is no such file') as string })
    const noFolder = await endedIn(dir, ...MEMORY_DEV, '--config', 'pages.json')
    expect(noFolder).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("'Chat' has no folder") as string })
  })

  it('must have a contract and authenticate unless it is for this machine', async () => {
    const { exitCode, stderr } = await ended('serve', '--memory')
    expect(exitCode).toBe(2)
    expect(stderr).toContain('a contract and tokens (or authenticate)')
    expect(stderr).toContain('--dev')
  })

  it('in TypeScript imports zod and the contract, and decides who may do what', async () => {
    // Inside the package, so that its imports are found; with a space in the path.
    const dir = join(import.meta.dirname, '..', 'node_modules', '.cache', `a config ${process.pid}`)
    await mkdir(dir, { recursive: true })
    onTestFinished(() => rm(dir, { recursive: true }))
    await writeFile(
      join(dir, 'tidings.config.ts'),
      `import { channel, defineContract } from '@tidings/contract'
       import { defineConfig, type Config } from 'tidings'
       import { z } from 'zod'
       interface Account { readonly name: string }
       const accounts: Readonly<Record<string, Account>> = { secret: { name: 'ann' } }
       const contract = defineContract({
         'chat:{room}': channel({ data: z.object({ text: z.string() }), history: { maxCount: 10 } }),
       })
       const config = defineConfig({
         memory: true,
         contract,
         authenticate: ({ token }) => {
           const account = accounts[token ?? '']
           if (account === undefined) return false
           return { id: account.name }
         },
         allow: { 'chat:{room}': { publish: ({ params }) => params.room === 'lobby', subscribe: true } },
       })
       export default config satisfies Config<typeof contract>`,
    )
    const { url } = await served([], { dir })
    const publish = (channel: string, data: string, token: string) =>
      ended('publish', channel, data, '--url', url, '--token', token)
    expect(await publish('chat:lobby', '{"text":"hi"}', 'secret')).toMatchObject({ exitCode: 0 })
    const refusals = [
      await publish('chat:lobby', '{"text":"hi"}', 'wrong'),
      await publish('chat:lobby', '{"text":1}', 'secret'),
      await publish('chat:other', '{"text":"hi"}', 'secret'),
      await publish('other', '{"text":"hi"}', 'secret'),
    ]
    expect(refusals.map(({ exitCode }) => exitCode)).toEqual([4, 4, 4, 4])
    expect(refusals.map(({ stderr }) => /\((\S+)\)\.\n$/.exec(stderr)?.[1])).toEqual([
      'unauthorized',
      'invalid-data',
      'forbidden',
      'unknown-channel',
    ])
  })
})
