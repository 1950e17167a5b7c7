import { readFileSync, writeFileSync } from 'node:fs'
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { StoreFate } from '../checker/history.js'
import { freePort, NodeProcess } from '../node-process.js'
import type { FaultProxy } from '../proxy/fault-proxy.js'
import type { Recorder } from '../recorder/recorder.js'
import { SKEW_FILE } from '../workload/server-config.js'

export interface ServerUnderTestOptions {
  /** A folder of its own, with the configuration in it; the data directory and its copies go there too. */
  readonly dir: string
  readonly config: string
  /** The program that serves; `serve --config … --port … --data …` is added. */
  readonly program: readonly [string, ...string[]]
  readonly proxy: FaultProxy
  readonly recorder: Recorder
}

const PAGE_BYTES = 4096

/**
 * The server as a child process: each run on a port of its own, to which the proxy is pointed, so that it is known which
 * run a connection reached. Everything that is done to it is recorded.
 */
export class ServerUnderTest {
  readonly #options: ServerUnderTestOptions
  readonly #runOfPort = new Map<number, number>()
  #process: NodeProcess | undefined
  #run = 0
  #copies = 0
  /** Ends that nobody asked for, with what the process printed. */
  readonly crashes: string[] = []

  constructor(options: ServerUnderTestOptions) {
    this.#options = options
  }

  get data(): string {
    return join(this.#options.dir, 'data')
  }

  /** Which run the proxied connection of a client with this port reached. */
  readonly runOf = (clientPort: number): number | undefined => {
    const connection = this.#options.proxy.connectionOf(clientPort)
    return connection === undefined ? undefined : this.#runOfPort.get(connection.targetPort)
  }

  /** Starts the next run; resolves once it is healthy. */
  async start(fate: StoreFate): Promise<void> {
    await this.launch(fate)
    const { crashes } = this
    const process = this.#process
    try {
      await process?.healthy()
    } catch (error) {
      crashes.push(`run ${this.#run} did not start: ${error instanceof Error ? error.message : String(error)}`)
      throw error
    }
  }

  /** Starts the next run and does not wait. */
  async launch(fate: StoreFate): Promise<void> {
    const { dir, config, program, proxy, recorder } = this.#options
    const port = await freePort()
    this.#run += 1
    const run = this.#run
    this.#runOfPort.set(port, run)
    recorder.record({ kind: 'node-started', run, ...fate })
    const process = NodeProcess.spawn({
      command: [...program, 'serve', '--config', config, '--port', String(port), '--data', this.data],
      healthUrl: `http://127.0.0.1:${port}/healthz`,
      cwd: dir,
    })
    this.#process = process
    proxy.targetPort = port
    void process.exit.then(({ code, signal }) => {
      if (this.#process !== process) return
      this.crashes.push(`run ${run} ended by itself with ${code ?? signal}; it printed:\n${process.output}`)
    })
  }

  /** Ends the run under way; resolves once the process is gone. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const process = this.#process
    if (process === undefined) return
    this.#process = undefined
    await process.kill(signal)
    this.#options.recorder.record({ kind: 'node-ended', run: this.#run, how: signal })
  }

  /** Lets the process stand still for a while. */
  async freeze(ms: number): Promise<void> {
    const pid = this.#process?.pid
    if (pid === undefined) return
    process.kill(pid, 'SIGSTOP')
    await sleep(ms)
    process.kill(pid, 'SIGCONT')
  }

  /** While no run is under way: keeps a copy of the data directory, and returns its name. */
  async copyData(): Promise<string> {
    this.#copies += 1
    const copy = `copy-${this.#copies}`
    await cp(this.data, join(this.#options.dir, copy), { recursive: true })
    this.#options.recorder.record({ kind: 'store-copied', copy })
    return copy
  }

  /** While no run is under way: puts a copy in the place of the data directory. */
  async restoreData(copy: string): Promise<void> {
    await this.wipeData()
    await cp(join(this.#options.dir, copy), this.data, { recursive: true })
  }

  /** While no run is under way. */
  async wipeData(): Promise<void> {
    await rm(this.data, { recursive: true, force: true })
  }

  /** Makes the wall clock of the server wrong by this much, in this run and in those to come. */
  skewClock(ms: number): void {
    writeFileSync(join(this.#options.dir, SKEW_FILE), String(ms))
  }

  /** Records how much memory the process takes. */
  measure(): void {
    const pid = this.#process?.pid
    if (pid === undefined || process.platform !== 'linux') return
    try {
      const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1])
      this.#options.recorder.record({ kind: 'memory', run: this.#run, rssBytes: pages * PAGE_BYTES })
    } catch {
      // It is ending.
    }
  }
}
