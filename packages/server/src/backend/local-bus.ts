import type { Bus, Watch } from './backend.js'
import { Listeners } from './listeners.js'

/** The bus of a node that is alone: it hears itself, in the same turn. */
export class LocalBus implements Bus {
  readonly #subjects = new Map<string, Listeners<Uint8Array>>()

  publish(subject: string, bytes: Uint8Array): Promise<void> {
    this.#subjects.get(subject)?.tell(bytes)
    return Promise.resolve()
  }

  subscribe(subject: string, listener: (bytes: Uint8Array) => void): Promise<Watch> {
    const listeners = this.#subjects.get(subject) ?? new Listeners<Uint8Array>()
    this.#subjects.set(subject, listeners)
    const watch = listeners.add(listener)
    return Promise.resolve({
      stop: () => {
        watch.stop()
        if (listeners.count === 0 && this.#subjects.get(subject) === listeners) this.#subjects.delete(subject)
      },
    })
  }
}
