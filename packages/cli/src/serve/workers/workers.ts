import { setTimeout as sleep } from 'node:timers/promises'
import { type Backend, type Logger, OpenFiles } from '@tidings/server'
import type { BackendOwner } from '@tidings/server/remote'
import { CommandError, EXIT, type ExitCode } from '../../exit.js'
import type { Ports, WholeHealth } from './messages.js'
import { type WorkerEnd, WorkerProcess } from './worker-process.js'

const FIRST_RETRY_MS = 100
const LONGEST_RETRY_MS = 5000

export interface WorkersParts {
  readonly count: number
  readonly backend: Pick<Backend, 'name'>
  readonly owner: BackendOwner
  readonly logger: Logger
}

/** The workers of this process: as many as were asked for, until they are told to leave. */
export class Workers {
  readonly #parts: WorkersParts
  readonly #files: OpenFiles
  /** Those that start too. */
  readonly #alive = new Set<WorkerProcess>()
  readonly #serving = new Set<WorkerProcess>()
  #port: number | undefined
  #isLeaving = false
  #lose: (error: CommandError) => void = () => undefined
  /**
   * Resolves when the port is lost, which only one that the system chose can be: all workers ended at once, and the next
   * one got another.
   */
  readonly lost = new Promise<CommandError>((resolve) => (this.#lose = resolve))

  constructor(parts: WorkersParts) {
    this.#parts = parts
    this.#files = new OpenFiles(parts.logger)
  }

  /**
   * Starts one, then the others. Resolves with their ports once they listen. Rejects with CommandError when the first cannot
   * start; it has the exit code of the worker and no sentence, because the worker said it.
   */
  async start(): Promise<Ports> {
    const first = await this.#startOne()
    if (!isListening(first)) throw endOf(first)
    this.#port = first.port
    await Promise.all(Array.from({ length: this.#parts.count - 1 }, () => this.#startAnother()))
    return first
  }

  /** Lets all say goodbye to their clients and end; resolves once they are gone, which takes `deadlineMs` at most. */
  async leave(deadlineMs: number): Promise<void> {
    this.#isLeaving = true
    await Promise.all([...this.#alive].map((worker) => worker.leave(deadlineMs)))
  }

  /**
   * Waits for all to end, as they do once the owner told them over the log's stream that the backend failed. A goodbye beside
   * that could overtake it, and clients would hear of a shutdown.
   */
  async endBy(deadlineMs: number): Promise<void> {
    this.#isLeaving = true
    await Promise.all([...this.#alive].map((worker) => worker.endBy(deadlineMs)))
  }

  readonly #health = async (): Promise<WholeHealth> => {
    const { backend, owner } = this.#parts
    const workers = [...this.#serving]
    const sessions = await Promise.all(workers.map((worker) => worker.sessions()))
    return {
      status: this.#isLeaving ? 'closing' : sessions.includes(undefined) ? 'failing' : 'ok',
      backend: backend.name,
      sessions: sessions.reduce<number>((sum, one = 0) => sum + one, 0),
      channels: owner.channelCount,
      workers: workers.length,
    }
  }

  async #startOne(): Promise<Ports | WorkerEnd> {
    const worker = new WorkerProcess({ owner: this.#parts.owner, health: this.#health, files: this.#files })
    this.#alive.add(worker)
    void worker.ended.then(() => this.#alive.delete(worker))
    const started = await worker.started
    if (!isListening(started)) return started
    if (this.#port !== undefined && started.port !== this.#port) this.#lose(lostPort(this.#port))
    this.#serving.add(worker)
    void worker.ended.then((end) => {
      this.#serving.delete(worker)
      return this.#replace(end)
    })
    return started
  }

  async #startAnother(): Promise<void> {
    const started = await this.#startOne()
    if (!isListening(started)) await this.#replace(started)
  }

  async #replace(end: WorkerEnd): Promise<void> {
    let why = end
    for (let delayMs = FIRST_RETRY_MS; !this.#isLeaving; delayMs = Math.min(delayMs * 2, LONGEST_RETRY_MS)) {
      this.#parts.logger.warn('a worker ended; another one takes its place', { ...why })
      const started = await this.#startOne()
      if (isListening(started)) return
      why = started
      await sleep(delayMs)
    }
  }
}

const isListening = (started: Ports | WorkerEnd): started is Ports => 'port' in started

const lostPort = (port: number): CommandError =>
  new CommandError(EXIT.failure, `All workers ended at once and port ${port} with them: choose one with --port.`)

const EXIT_CODES: readonly number[] = Object.values(EXIT)

const endOf = ({ code }: WorkerEnd): CommandError =>
  new CommandError(code !== null && code !== EXIT.ok && EXIT_CODES.includes(code) ? (code as ExitCode) : EXIT.failure)
