import type { ChildProcess } from 'node:child_process'
import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { Socket } from 'node:net'
import type { OpenFiles } from '@tidings/server'
import type { BackendOwner } from '@tidings/server/remote'
import { LOG_FD, type Ports, type ToOwner, type ToWorker, type WholeHealth } from './messages.js'
import { Questions } from './questions.js'

/** How long a worker may take to say how many sessions it has. */
const COUNT_DEADLINE_MS = 1000
/** How long one may go on without the log before it is killed. */
const LEAVE_DEADLINE_MS = 5000

export interface WorkerEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface WorkerProcessParts {
  readonly files: OpenFiles
  readonly owner: BackendOwner
  readonly health: () => Promise<WholeHealth>
}

/** node:cluster accepts connections here and sends them to workers, and the system tells nobody when there are no files for more. */
const watchHandles = (child: ChildProcess, files: OpenFiles): void => {
  const send = child.send.bind(child) as (...args: readonly unknown[]) => boolean
  child.send = (...args: readonly unknown[]) => {
    files.look(args[1])
    return send(...args)
  }
}

/** The owner's view of one worker's process. */
export class WorkerProcess {
  /** Resolves with the ports once it listens; with how it ended when it ends before. */
  readonly started: Promise<Ports | WorkerEnd>
  /** Resolves once the process is gone. */
  readonly ended: Promise<WorkerEnd>
  readonly #worker: Worker
  readonly #counts = new Questions<number>(COUNT_DEADLINE_MS)

  constructor({ owner, health, files }: WorkerProcessParts) {
    cluster.setupPrimary({ stdio: ['inherit', 'inherit', 'inherit', 'ipc', 'pipe'] })
    const worker = cluster.fork()
    this.#worker = worker
    watchHandles(worker.process, files)
    this.ended = once(worker, 'exit').then(([code, signal]: unknown[]) => ({ code, signal }) as WorkerEnd)
    let listens: (ports: Ports) => void = () => undefined
    this.started = Promise.race([new Promise<Ports>((resolve) => (listens = resolve)), this.ended])
    worker.on('message', (message: ToOwner) => {
      if (message.type === 'listening') listens(message.ports)
      else if (message.type === 'counted') this.#counts.answered(message.question, message.sessions)
      else void health().then((whole) => this.#tell({ type: 'health', question: message.question, health: whole }))
    })
    const stream = worker.process.stdio[LOG_FD]
    if (!(stream instanceof Socket)) throw new Error('a worker was started without a stream for the log')
    owner.serve(stream, () => this.#killLater(LEAVE_DEADLINE_MS))
  }

  /** Sessions of the worker; undefined when it does not answer. */
  sessions(): Promise<number | undefined> {
    return this.#counts.ask((question) => this.#tell({ type: 'count', question }))
  }

  /** Lets it say goodbye to its clients and end. It is killed when it takes longer. */
  leave(deadlineMs: number): Promise<WorkerEnd> {
    this.#tell({ type: 'goodbye' })
    return this.endBy(deadlineMs)
  }

  /** For one that ends by itself. It is killed when it takes longer. */
  endBy(deadlineMs: number): Promise<WorkerEnd> {
    this.#killLater(deadlineMs)
    return this.ended
  }

  #killLater(ms: number): void {
    const timer = setTimeout(() => this.#worker.process.kill('SIGKILL'), ms)
    void this.ended.then(() => clearTimeout(timer))
  }

  #tell(message: ToWorker): void {
    // Its end is noticed elsewhere; whoever asked it something has a deadline.
    this.#worker.send(message, () => undefined)
  }
}
