import type { Backend, BackendError } from './backend/backend.js'
import type { HealthStatus } from './http/health.js'

export interface LifecycleParts {
  readonly backend: Pick<Backend, 'open'>
  /** What must be done once the backend is open, before the node serves. */
  readonly opened: () => Promise<void>
  /** The backend can no longer keep its promises. */
  readonly failed: (error: BackendError) => void
}

/** How far a node is, from opening its backend to its end. It begins at once. */
export class Lifecycle {
  /** Resolves when the node serves; rejects with BackendError when the backend cannot be opened. */
  readonly ready: Promise<void>
  /** Resolves when the backend can no longer keep its promises. Otherwise stays pending. */
  readonly failed: Promise<BackendError>
  #status: HealthStatus = 'starting'

  constructor({ backend, opened, failed }: LifecycleParts) {
    let fail: (error: BackendError) => void = () => undefined
    this.failed = new Promise((resolve) => {
      fail = (error) => {
        this.#status = 'failing'
        failed(error)
        resolve(error)
      }
    })
    this.ready = this.#start(() => backend.open(fail), opened)
    this.ready.catch(() => undefined) // Whoever waits for it is told; nobody has to wait.
  }

  get status(): HealthStatus {
    return this.#status
  }

  /** Nobody is let in any more. */
  close(): void {
    this.#status = 'closing'
  }

  async #start(open: () => Promise<void>, opened: () => Promise<void>): Promise<void> {
    try {
      await open()
      await opened()
    } catch (error) {
      this.#status = 'failing'
      throw error
    }
    if (this.#status === 'starting') this.#status = 'ok'
  }
}
