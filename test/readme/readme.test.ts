import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { freePort, NodeProcess } from '@tidings/testing'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'

const run = promisify(execFile)
const ROOT = resolve(import.meta.dirname, '../..')
const CLI = join(ROOT, 'packages/cli/bin/tidings.js')

/** The first code block of a language after a heading. */
const codeOf = (file: string, heading: string, language: string): string => {
  const text = readFileSync(join(ROOT, file), 'utf8')
  const section = text.slice(text.indexOf(`\n${heading}\n`))
  const code = new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(section)?.[1]
  if (code === undefined) throw new Error(`no ${language} block under ${heading} in ${file}`)
  return code
}

const toJavaScript = (code: string): string =>
  ts.transpileModule(code, { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } })
    .outputText

describe('the documentation’s examples', () => {
  // Below the repository, so that the example finds the packages as a user's program would.
  const dir = mkdtempSync(join(import.meta.dirname, 'run-'))
  let server: NodeProcess
  let port = 0

  const runExample = async (name: string, code: string): Promise<string> => {
    const file = join(dir, name)
    writeFileSync(file, code.replaceAll('127.0.0.1:8080', `127.0.0.1:${port}`))
    const { stdout } = await run(process.execPath, [file])
    return stdout
  }

  beforeAll(async () => {
    port = await freePort()
    server = await NodeProcess.start({
      command: [process.execPath, CLI, 'serve', '--dev', '--memory', '--port', String(port)],
      cwd: dir,
      healthUrl: `http://127.0.0.1:${port}/healthz`,
    })
  })

  afterAll(async () => {
    await server.kill('SIGTERM')
    rmSync(dir, { recursive: true })
  })

  it('runs the README’s SDK example', async () => {
    const code = codeOf('README.md', '## The SDK in 20 lines', 'ts')
    expect(code.trim().split('\n').length).toBeLessThanOrEqual(22)
    const output = await runExample('sdk.mjs', toJavaScript(code))
    expect(output).toContain('now connected')
    expect(output).toContain("ann { text: 'hello' }")
  })

  it('runs the README’s embedding example, which serves what it says', async () => {
    const embedded = await freePort()
    const code = toJavaScript(codeOf('README.md', '## In your own Node application', 'ts'))
    const file = join(dir, 'embed.mjs')
    writeFileSync(file, code.replace('8080', String(embedded)).replace('./tidings-data', join(dir, 'data')))
    const node = await NodeProcess.start({
      command: [process.execPath, file],
      healthUrl: `http://127.0.0.1:${embedded}/`,
    })
    const socket = new WebSocket(`ws://127.0.0.1:${embedded}/ws`)
    const answers: string[] = []
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject)
      socket.on('open', () => socket.send('[{"type":"connect","id":1,"token":"ann"},{"type":"ping","id":2}]'))
      socket.on('message', (data: Buffer) => {
        answers.push(data.toString())
        if (answers.some((answer) => answer.includes('pong'))) resolve()
      })
    })
    expect(answers.join()).toContain('"user":"ann"')
    socket.close()
    await node.kill('SIGTERM')
  })

  it('runs the example of testing an application', async () => {
    const code = toJavaScript(codeOf('docs/testing.md', '## An application on a bad network', 'ts'))
    expect(await runExample('testing.mjs', code)).toBe('each order once, in order\n')
  })

  it('runs the example of attacking a node', async () => {
    const code = toJavaScript(codeOf('docs/testing.md', '## Attacks', 'ts'))
    expect(await runExample('attacks.mjs', code)).toBe('5 refused as they should be, 0 failed, 0 not tried\n')
  })

  it('runs the protocol’s client in a few lines with a plain WebSocket', async () => {
    const client = codeOf('docs/protocol.md', '## A client in a few lines', 'js')
    const setup = "import { WebSocket } from 'ws'\nglobalThis.WebSocket = WebSocket\n"
    const stop = "\nsocket.addEventListener('message', ({ data }) => data.includes('hi there') && socket.close())\n"
    const publisher = new WebSocket(`ws://127.0.0.1:${port}/ws`)
    await new Promise((resolve) => publisher.once('open', resolve))
    publisher.send(
      '[{"type":"connect","id":1,"token":"bob"},{"type":"publish","id":2,"channel":"chat:lobby","data":{"text":"hi there"}}]',
    )
    await new Promise<void>((resolve) => {
      publisher.on('message', (data: Buffer) => {
        if (data.toString().includes('published')) resolve()
      })
    })
    publisher.close()
    const output = await runExample('plain.mjs', setup + client + stop)
    expect(output).toContain("bob { text: 'hi there' }")
  })
})
