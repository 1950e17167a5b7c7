import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface NodeProcessOptions {
  /** The program and its arguments, such as `[process.execPath, 'server.js', '--port', '8080']`. */
  readonly command: readonly [string, ...string[]]
  /** Answers 200 once the node serves. */
  readonly healthUrl: string
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /** How long a start may take. Default 20000. */
  readonly startDeadlineMs?: number
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

const POLL_MS = 25
const MIN_PORT = 15_000
const MAX_PORT = 32_000

/**
 * A port that was free a moment ago, for a process that must come back on the same one. It is below those that systems
 * give to outgoing connections, one of which could take it before the process listens, or while it is down.
 */
export const freePort = async (): Promise<number> => {
  for (;;) {
    const port = MIN_PORT + Math.floor(Math.random() * (MAX_PORT - MIN_PORT))
    if (await canListen(port)) return port
  }
}

const canListen = async (port: number): Promise<boolean> => {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE' || code === 'EACCES') return false
    throw error
  }
  server.close()
  await once(server, 'close')
  return true
}

/** A node as a process of its own, which tests may kill at any moment and start again. */
export class NodeProcess {
  readonly #options: NodeProcessOptions
  #child: ChildProcess
  #exit: Promise<Exit>
  #output = ''

  private constructor(options: NodeProcessOptions) {
    this.#options = options
    ;[this.#child, this.#exit] = this.#spawn()
  }

  /** Resolves once it is healthy. Rejects with what it printed when it ends, or is not healthy in time. */
  static async start(options: NodeProcessOptions): Promise<NodeProcess> {
    const node = new NodeProcess(options)
    await node.#healthy()
    return node
  }

  /** Starts it and does not wait: it may be killed before it serves. */
  static spawn(options: NodeProcessOptions): NodeProcess {
    return new NodeProcess(options)
  }

  /** Resolves once it is healthy. Rejects, and kills it, as `start` does. */
  healthy(): Promise<void> {
    return this.#healthy()
  }

  /** Resolves once the run under way has ended, for whatever reason. */
  get exit(): Promise<Exit> {
    return this.#exit
  }

  /** What all its runs wrote to standard output and standard error so far. */
  get output(): string {
    return this.#output
  }

  get pid(): number {
    return this.#child.pid ?? -1
  }

  /** Resolves once the process has ended. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    this.#child.kill(signal)
    return this.#exit
  }

  /** Starts it again with the same command; the run before must have ended. Resolves once it is healthy. */
  async restart(): Promise<void> {
    await this.#exit
    ;[this.#child, this.#exit] = this.#spawn()
    await this.#healthy()
  }

  #spawn(): [ChildProcess, Promise<Exit>] {
    const { command, cwd, env } = this.#options
    const [program, ...args] = command
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const collect = (chunk: Buffer): void => {
      this.#output += chunk.toString()
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    const exit = new Promise<Exit>((resolve, reject) => {
      child.once('exit', (code, signal) => resolve({ code, signal }))
      child.once('error', reject)
    })
    return [child, exit]
  }

  async #healthy(): Promise<void> {
    const deadline = performance.now() + (this.#options.startDeadlineMs ?? 20_000)
    while (this.#child.exitCode === null && this.#child.signalCode === null && performance.now() < deadline) {
      if (await isHealthy(this.#options.healthUrl)) return
      await sleep(POLL_MS)
    }
    this.#child.kill('SIGKILL')
    throw new Error(`the node did not become healthy; it printed:\n${this.#output}`)
  }
}

const isHealthy = async (url: string): Promise<boolean> => {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) })
    await response.arrayBuffer()
    return response.ok
  } catch {
    return false
  }
}
