import type { State } from '../backend.js'
import { sortedEntries } from '../sorted-entries.js'

/** Facts that last as long as the process. */
export class MemoryState implements State {
  readonly #values = new Map<string, Uint8Array>()

  get(key: string): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.#values.get(key))
  }

  set(key: string, value: Uint8Array): Promise<void> {
    this.#values.set(key, new Uint8Array(value))
    return Promise.resolve()
  }

  delete(key: string): Promise<void> {
    this.#values.delete(key)
    return Promise.resolve()
  }

  list(prefix: string): Promise<readonly { readonly key: string; readonly value: Uint8Array }[]> {
    return Promise.resolve(sortedEntries(this.#values, prefix))
  }
}
