/** Runs the built command line as users do, as processes, for the integration tests. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'

const TIDINGS = resolve(import.meta.dirname, '../bin/tidings.js')

const COMMAND: readonly [string, ...string[]] = [process.execPath, TIDINGS]

export interface Ended {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly dir?: string
  readonly env?: Readonly<Record<string, string>>
  /** How many files it may have open (`ulimit -n`). Not on Windows. */
  readonly files?: number
}

/** One process. It is killed at the end of the test if it still runs. */
export class Run {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  stdout = ''
  stderr = ''
  readonly #looks = new Set<() => void>()

  constructor(args: readonly string[], { dir, env, files }: RunOptions = {}) {
    const [program, ...more] =
      files === undefined ? COMMAND : ['sh', '-c', `ulimit -n ${files}; exec "$@"`, 'sh', ...COMMAND]
    this.child = spawn(program, [...more, ...args], {
      cwd: dir ?? tmpdir(),
      env: { ...cleanEnvironment(), ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.child.stdin?.on('error', () => undefined)
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
      this.#look()
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
      this.#look()
    })
    this.ended = once(this.child, 'close').then(([exitCode]: (number | null)[]) => {
      this.#look()
      return { exitCode: exitCode ?? null, stdout: this.stdout, stderr: this.stderr }
    })
    onTestFinished(async () => {
      this.child.kill('SIGKILL')
      await this.ended
    })
  }

  /** Standard output's lines of JSON so far. */
  get items(): readonly Readonly<Record<string, unknown>>[] {
    return jsonLines(this.stdout)
  }

  /** Gives the standard input and ends it. */
  input(text: string | Uint8Array): this {
    this.child.stdin?.end(text)
    return this
  }

  kill(signal: NodeJS.Signals): this {
    this.child.kill(signal)
    return this
  }

  /** Resolves once what the process wrote fits; rejects when it ends before. */
  async until(fits: (run: this) => boolean): Promise<void> {
    const seen = new Promise<void>((done) => {
      const look = (): void => {
        if (!fits(this)) return
        this.#looks.delete(look)
        done()
      }
      this.#looks.add(look)
      look()
    })
    const over = this.ended.then(({ exitCode, stdout, stderr }) => {
      if (!fits(this)) throw new Error(`it ended with ${exitCode}: ${stdout}${stderr}`)
    })
    await Promise.race([seen, over])
  }

  #look(): void {
    for (const look of [...this.#looks]) look()
  }
}

const cleanEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TIDINGS_')))

export const jsonLines = (text: string): readonly Readonly<Record<string, unknown>>[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>)

export const tidings = (...args: readonly string[]): Run => new Run(args)

/** Runs a command without input to its end. */
export const ended = (...args: readonly string[]): Promise<Ended> => tidings(...args).input('').ended

/** A new folder, gone after the test. */
export const temporaryDir = async (name = 'tidings-'): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), name))
  onTestFinished(() => rm(dir, { recursive: true, force: true }))
  return dir
}

export interface Served {
  readonly run: Run
  readonly port: number
  /** The WebSocket's address, for `--url`. */
  readonly url: string
}

/** A server on a free port (unless the arguments say which), once it listens. */
export const served = async (args: readonly string[], options: RunOptions = {}): Promise<Served> => {
  const run = new Run(['serve', ...(args.includes('--port') ? [] : ['--port', '0']), ...args], options)
  const address = /wss?:\/\/\S+:(\d+)\/ws\n/
  await run.until(({ stdout }) => address.test(stdout) && stdout.includes('Data '))
  const port = Number(address.exec(run.stdout)?.[1])
  const scheme = run.stdout.includes('wss://') ? 'wss' : 'ws'
  return { run, port, url: `${scheme}://127.0.0.1:${port}/ws` }
}

/** Sends bytes over a socket of its own and gives everything that comes back until the server ends it. */
export const rawRequest = async (port: number, ...lines: readonly string[]): Promise<string> => {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => {
    socket.destroy()
  })
  let text = ''
  socket.setEncoding('latin1').on('data', (part: string) => {
    text += part
  })
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  await once(socket, 'close')
  return text
}

/** A GET on a connection that ends with the answer. */
export const get = (port: number, target: string, ...headers: readonly string[]): Promise<string> =>
  rawRequest(port, `GET ${target} HTTP/1.1`, ...withHost(port, headers), 'Connection: close')

/** A WebSocket handshake, cut off by the server if it is refused. */
export const handshake = (port: number, target: string, ...headers: readonly string[]): Promise<string> =>
  rawRequest(
    port,
    `GET ${target} HTTP/1.1`,
    ...withHost(port, headers),
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  )

const withHost = (port: number, headers: readonly string[]): readonly string[] =>
  headers.some((header) => /^host:/i.test(header)) ? headers : [`Host: 127.0.0.1:${port}`, ...headers]

/** Processes that a process started. */
export const childrenOf = async (pid: number | undefined): Promise<readonly number[]> => {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'ppid=,pid='])
  const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number))
  return rows.filter(([parent]) => parent === pid).flatMap(([, child]) => child ?? [])
}
