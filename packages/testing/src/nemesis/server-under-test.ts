import { rmSync, writeFileSync } from 'node:fs'
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { StoreFate } from '../checker/history.js'
import { type Exit, freePort, NodeProcess } from '../node-process.js'
import type { FaultProxy } from '../proxy/fault-proxy.js'
import type { Recorder } from '../recorder/recorder.js'
import type { SyncFault } from '../storage-shim/register.js'
import { CHANGING_RULES, RULES_FILE, SKEW_FILE, SYNC_FILE } from '../workload/server-config.js'
import { residentBytes } from '../resident-memory.js'

export interface ServerUnderTestOptions {
  /** A folder of its own, with the configuration in it; copies of the data directory go there too. */
  readonly dir: string
  /** The data directory. */
  readonly data: string
  readonly config: string
  /** The program that serves; `serve --config … --port … --data …` is added. */
  readonly program: readonly [string, ...string[]]
  /** What it is told of `--workers`; 0: nothing. */
  readonly workers: number
  readonly proxy: FaultProxy
  readonly recorder: Recorder
}

/** One run under way. */
export interface Running {
  readonly process: NodeProcess
  readonly run: number
  readonly port: number
}

/** Until a process that was told to stand still does. */
const STOP_MS = 20

/**
 * The server as a child process: each run on a port of its own, to which the proxy is pointed, so that it is known which
 * run a connection reached. Everything that is done to it is recorded.
 */
export class ServerUnderTest {
  readonly #options: ServerUnderTestOptions
  readonly #runOfPort = new Map<number, number>()
  #running: Running | undefined
  /** Beside it on a copy of the data directory, now and then. */
  #twin: (Running & { readonly data: string }) | undefined
  #last: NodeProcess | undefined
  #run = 0
  #copies = 0
  #changedTo: keyof typeof CHANGING_RULES = 'disk'
  /** The run that may end by itself. */
  #mayEnd = 0
  /** Ends that nobody asked for, with what the process printed, and whatever else a fault found wrong. */
  readonly crashes: string[] = []

  constructor(options: ServerUnderTestOptions) {
    this.#options = options
  }

  /** The run under way. Throws if there is none. */
  get running(): Running {
    if (this.#running === undefined) throw new Error('no run is under way')
    return this.#running
  }

  /** What the last run printed so far. */
  get output(): string {
    return this.#last?.output ?? ''
  }

  /** Which run the proxied connection of a client with this port reached. */
  readonly runOf = (clientPort: number): number | undefined => {
    const connection = this.#options.proxy.connectionOf(clientPort)
    return connection === undefined ? undefined : this.#runOfPort.get(connection.targetPort)
  }

  /** Starts the next run; resolves once it is healthy. */
  async start(fate: StoreFate): Promise<void> {
    await this.launch(fate)
    await this.#healthy(this.running)
  }

  /** Starts the next run and does not wait. */
  async launch(fate: StoreFate): Promise<void> {
    this.#running = await this.#spawn(fate, this.#options.data)
    this.#options.proxy.targetPort = this.#running.port
  }

  /** Ends the run under way, and its twin; resolves once the processes are gone. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const running = this.#running
    const twin = this.#twin
    this.#running = undefined
    this.#twin = undefined
    await Promise.all([running, twin].flatMap((each) => (each === undefined ? [] : [this.#kill(each, signal)])))
  }

  /** The run under way is about to end by itself, and that will be right. */
  expectEnd(): void {
    this.#mayEnd = this.running.run
  }

  /** Waits for the end that was expected. undefined: it did not come in this time, and the run was killed. */
  async ended(limitMs: number): Promise<Exit | undefined> {
    const { process, run } = this.running
    const timer = new AbortController()
    const late = sleep(limitMs, undefined, { signal: timer.signal }).catch(() => undefined)
    const exit = await Promise.race([process.exit, late])
    timer.abort()
    if (exit === undefined) await this.end('SIGKILL')
    else this.#options.recorder.record({ kind: 'node-ended', run, how: `by itself with ${exit.code ?? exit.signal}` })
    this.#running = undefined
    return exit
  }

  /** While no run is under way: starts one on the data directory and another one on a copy of it, both at once. */
  async startTwins(): Promise<void> {
    const { dir } = this.#options
    const original = this.#run
    const copy = await this.copyData()
    const data = join(dir, `twin-${copy}`)
    await cp(join(dir, copy), data, { recursive: true })
    const twin = await this.#spawn({ store: 'restored', copy }, data)
    this.#twin = { ...twin, data }
    await this.launch({ store: 'kept', of: original })
    await Promise.all([this.#healthy(this.running), this.#healthy(twin)])
  }

  /** Leads new connections to the other twin. */
  turn(): void {
    const { proxy } = this.#options
    const { port } = this.running
    proxy.targetPort = proxy.targetPort === port ? (this.#twin?.port ?? port) : port
  }

  /** Ends both twins. Returns the fate to start with: the data directory is that of the original, or the copy's. */
  async endTwins(signal: 'SIGKILL' | 'SIGTERM', goesOn: 'original' | 'copy'): Promise<StoreFate> {
    const twin = this.#twin
    if (twin === undefined) throw new Error('there is no twin')
    const { run } = this.running
    await this.end(signal)
    if (goesOn === 'original') return { store: 'kept', of: run }
    await this.wipeData()
    await cp(twin.data, this.#options.data, { recursive: true })
    return { store: 'kept', of: twin.run }
  }

  /** Lets a process of the server stand still for a while. Default: the one that was started. */
  async freeze(ms: number, pid = this.running.process.pid): Promise<void> {
    this.#options.recorder.record({ kind: 'process-stopped' })
    process.kill(pid, 'SIGSTOP')
    await sleep(ms)
    process.kill(pid, 'SIGCONT')
    this.#options.recorder.record({ kind: 'process-continued' })
  }

  /** While no run is under way, or it stands still: keeps a copy of the data directory, and returns its name. */
  async copyData(): Promise<string> {
    this.#copies += 1
    const copy = `copy-${this.#copies}`
    await cp(this.#options.data, join(this.#options.dir, copy), { recursive: true })
    this.#options.recorder.record({ kind: 'store-copied', copy })
    return copy
  }

  /**
   * While a run is under way: keeps a copy of the data directory at one moment, as a snapshot of the file system is, and
   * returns its name. The run goes on with positions that the copy has not reached.
   */
  async snapshotData(): Promise<string> {
    const { pid } = this.running.process
    process.kill(pid, 'SIGSTOP')
    try {
      await sleep(STOP_MS)
      return await this.copyData()
    } finally {
      process.kill(pid, 'SIGCONT')
    }
  }

  /** While no run is under way: puts a copy in the place of the data directory. */
  async restoreData(copy: string): Promise<void> {
    await this.wipeData()
    await cp(join(this.#options.dir, copy), this.#options.data, { recursive: true })
  }

  /** While no run is under way. */
  async wipeData(): Promise<void> {
    await rm(this.#options.data, { recursive: true, force: true })
  }

  /** Makes the wall clock of the server wrong by this much, in this run and in those to come. */
  skewClock(ms: number): void {
    writeFileSync(join(this.#options.dir, SKEW_FILE), String(ms))
  }

  /** The durability of channels whose rules change, from the next run on. */
  changeRules(durability: keyof typeof CHANGING_RULES): void {
    this.#changedTo = durability
    writeFileSync(join(this.#options.dir, RULES_FILE), JSON.stringify(CHANGING_RULES[durability]))
  }

  /** What happens to syncs from now on, in this run and in those to come; undefined: they work again. */
  breakSyncs(fault: SyncFault | undefined): void {
    const file = join(this.#options.dir, SYNC_FILE)
    if (fault === undefined) rmSync(file, { force: true })
    else writeFileSync(file, fault)
  }

  /** Records how much memory the process takes. */
  measure(): void {
    const rssBytes = residentBytes(this.#running?.process.pid)
    if (rssBytes === undefined) return
    this.#options.recorder.record({ kind: 'memory', run: this.running.run, rssBytes })
  }

  async #spawn(fate: StoreFate, data: string): Promise<Running> {
    const { dir, config, program, workers, recorder } = this.#options
    const port = await freePort()
    this.#run += 1
    const run = this.#run
    this.#runOfPort.set(port, run)
    const changed = this.#changedTo === 'disk' ? undefined : { changedTo: this.#changedTo }
    recorder.record({ kind: 'node-started', run, ...fate, ...changed })
    const options = ['--config', config, '--port', String(port), '--data', data]
    if (workers > 0) options.push('--workers', String(workers))
    const process = NodeProcess.spawn({
      command: [...program, 'serve', ...options],
      healthUrl: `http://127.0.0.1:${port}/healthz`,
      cwd: dir,
    })
    this.#last = process
    void process.exit.then(({ code, signal }) => {
      const isOurs = this.#running?.run === run || this.#twin?.run === run
      if (!isOurs || this.#mayEnd === run) return
      this.crashes.push(`run ${run} ended by itself with ${code ?? signal}; it printed:\n${process.output}`)
    })
    return { process, run, port }
  }

  async #healthy({ process, run }: Running): Promise<void> {
    try {
      await process.healthy()
    } catch (error) {
      this.crashes.push(`run ${run} did not start: ${error instanceof Error ? error.message : String(error)}`)
      throw error
    }
  }

  async #kill({ process, run }: Running, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    await process.kill(signal)
    this.#options.recorder.record({ kind: 'node-ended', run, how: signal })
  }
}
