import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { defineContract } from '@tidings/contract'
import { type BackendError, createTidings, type Tidings } from '@tidings/server'
import { diskBackend } from '@tidings/server/disk'
import { type DiskMoment, FaultyDisk } from '../faulty-disk.js'
import type { FaultProxy } from '../proxy/fault-proxy.js'
import type { Recorder } from '../recorder/recorder.js'
import { ALLOW, NODE_LIMITS, RULES } from '../workload/server-config.js'

interface Machine {
  readonly tidings: Tidings
  readonly http: Server
}

const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined }

/**
 * A whole node in this process on a disk that forgets what was not flushed, behind a proxy. When its power fails, nothing
 * that it does from then on reaches anybody or the disk.
 */
export class PoweredNode {
  readonly disk = new FaultyDisk()
  readonly #proxy: FaultProxy
  readonly #recorder: Recorder
  readonly #runOfPort = new Map<number, number>()
  readonly #failures: BackendError[] = []
  /** Whether the directory was complete once: it must be from then on. */
  #isReady = false
  #machine: Machine | undefined
  #run = 0
  #isOn = false
  #isServing = false

  constructor(proxy: FaultProxy, recorder: Recorder) {
    this.#proxy = proxy
    this.#recorder = recorder
  }

  get isOn(): boolean {
    return this.#isOn
  }

  /** Times that a node gave up although its power did not fail. */
  get failures(): readonly BackendError[] {
    return this.#failures
  }

  /** Which run the proxied connection of a client with this port reached. */
  readonly runOf = (clientPort: number): number | undefined => {
    const connection = this.#proxy.connectionOf(clientPort)
    return connection === undefined ? undefined : this.#runOfPort.get(connection.targetPort)
  }

  /** Resolves once it serves, or false: its power failed while it started. Rejects when it cannot start. */
  async start(): Promise<boolean> {
    this.#run += 1
    const run = this.#run
    this.#isOn = true
    this.#isServing = false
    this.#recorder.record({ kind: 'node-started', run, store: 'kept' })
    const store = this.disk.open()
    const ready = (): Promise<void> => {
      this.#isReady = true
      return Promise.resolve()
    }
    const opened = { store, isNew: !this.#isReady, ready, close: () => store.close() }
    const tidings = createTidings({
      contract: defineContract(RULES),
      backend: diskBackend({ dir: 'in memory' }, () => Promise.resolve(opened)),
      authenticate: ({ token }) => (token === undefined ? null : { id: token }),
      allow: ALLOW,
      logger: SILENT,
      ...NODE_LIMITS,
    })
    void tidings.failed.then((error) => {
      if (this.#isOn && this.#run === run) this.#failures.push(error)
    })
    const http = createServer((request, response) => tidings.respondHealth(request, response))
    tidings.attach(http)
    this.#machine = { tidings, http }
    try {
      await tidings.ready
    } catch (error) {
      if (this.isOn) throw error
      return false
    }
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    const { port } = http.address() as AddressInfo
    this.#runOfPort.set(port, run)
    this.#proxy.targetPort = port
    this.#proxy.refuses = false
    this.#isServing = true
    return true
  }

  /** The power fails, at once: may be called in a moment of the disk. `when` is for those who read the history. */
  fail(when: string): void {
    if (!this.#isOn) return
    this.#isOn = false
    this.disk.onMoment = null
    this.#proxy.refuses = true
    this.#proxy.resetAll()
    this.disk.crash()
    this.#recorder.record({ kind: 'node-ended', run: this.#run, how: `power failure, ${when}` })
  }

  /** Fails at this moment, when it comes. */
  failAt(moment: DiskMoment): void {
    this.disk.onMoment = (each) => {
      if (each === moment) this.fail(this.#isServing ? moment : `${moment} of a start`)
    }
  }

  /** Lets go of what the node was made of, after its power failed. */
  async dispose(): Promise<void> {
    this.fail('at the end')
    const machine = this.#machine
    this.#machine = undefined
    if (machine === undefined) return
    await machine.tidings.close({ drainMs: 0 })
    machine.http.closeAllConnections()
    await new Promise((resolve) => machine.http.close(resolve))
  }
}
