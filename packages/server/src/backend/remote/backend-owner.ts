import type { Duplex } from 'node:stream'
import { type RunningTimeout, setRunningTimeout } from '../../running-timeout.js'
import type { Backend, BackendError } from '../backend.js'
import { OwnedPresence } from './owned-presence.js'
import { ServedWorker } from './served-worker.js'

export interface BackendOwnerOptions {
  /** It stays the caller's, and must be open before a worker is served. */
  readonly backend: Backend
  /** Bytes that may wait for one worker before none is listened to. Default 8 MiB. */
  readonly fullBytes?: number
  /** How long a worker may take nothing while it is full before it is let go. Default 10000. */
  readonly stallMs?: number
  /** Told of presence entries of a worker that is gone which could not be removed. */
  readonly failed: (error: unknown) => void
}

/**
 * Serves one backend to workers in other processes (see `remote`). Memory is bounded: while any worker is behind with what
 * it is told, no worker's calls are taken; one that stands still is let go and has to be started anew.
 */
export class BackendOwner {
  readonly #options: BackendOwnerOptions
  readonly #presence: OwnedPresence
  readonly #workers = new Set<ServedWorker>()
  /** Workers that are behind, with the timers that let them go. */
  readonly #full = new Map<ServedWorker, RunningTimeout>()

  constructor(options: BackendOwnerOptions) {
    this.#options = options
    this.#presence = new OwnedPresence(options.backend.presence)
  }

  /** Channels that any worker watches. */
  get channelCount(): number {
    const names = new Set<string>()
    for (const worker of this.#workers) for (const name of worker.channels) names.add(name)
    return names.size
  }

  /** Whether a worker is behind, so that no calls are taken. */
  get isWaiting(): boolean {
    return this.#full.size > 0
  }

  /** Serves one worker until its stream closes, and calls `closed` then. The stream belongs to the owner from now on. */
  serve(stream: Duplex, closed: () => void = () => undefined): void {
    const { backend, fullBytes = 8 * 1024 * 1024, failed } = this.#options
    const worker = new ServedWorker(stream, {
      backend,
      presence: this.#presence,
      fullBytes,
      full: () => this.#behind(worker),
      drained: () => this.#caughtUp(worker),
      closed: () => {
        this.#workers.delete(worker)
        this.#caughtUp(worker)
        this.#presence.ownerGone(worker).catch(failed)
        closed()
      },
    })
    this.#workers.add(worker)
    if (this.isWaiting) worker.pause()
  }

  /** Tells every worker that the backend failed: each says goodbye to its sessions and ends. */
  fail(error: BackendError): void {
    for (const worker of this.#workers) worker.fail(error)
  }

  #behind(worker: ServedWorker): void {
    const { stallMs = 10_000 } = this.#options
    this.#full.set(
      worker,
      setRunningTimeout(() => worker.destroy(), stallMs),
    )
    for (const each of this.#workers) each.pause()
  }

  #caughtUp(worker: ServedWorker): void {
    const timer = this.#full.get(worker)
    if (timer === undefined) return
    timer.clear()
    this.#full.delete(worker)
    if (!this.isWaiting) for (const each of this.#workers) each.resume()
  }
}
