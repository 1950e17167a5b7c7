import { BackendError, type State } from '../backend.js'
import { sortedEntries } from '../sorted-entries.js'
import type { Store, Writes } from './store.js'
import type { Writer } from './writer.js'

const PREFIX = 'state:'
const ALL = { start: keyOf(''), end: keyOf('\u{10ffff}') }

/** Facts that survive the process. All of them are in memory too: they are few, and reads must not see an unflushed one. */
export class DiskState implements State {
  #writer: Writer | null = null
  readonly #values = new Map<string, Uint8Array>()

  open(store: Store, writer: Writer): void {
    this.#writer = writer
    for (const { key, value } of store.scan('state', ALL)) this.#values.set(textOf(key), value)
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.#values.get(key))
  }

  set(key: string, value: Uint8Array): Promise<void> {
    const own = Buffer.from(value)
    return this.#write(
      own.length,
      (writes) => writes.put('state', keyOf(key), own),
      () => this.#values.set(key, own),
    )
  }

  delete(key: string): Promise<void> {
    return this.#write(
      0,
      (writes) => writes.remove('state', keyOf(key)),
      () => this.#values.delete(key),
    )
  }

  list(prefix: string): Promise<readonly { readonly key: string; readonly value: Uint8Array }[]> {
    return Promise.resolve(sortedEntries(this.#values, prefix))
  }

  #write(bytes: number, write: (writes: Writes) => void, tell: () => void): Promise<void> {
    const writer = this.#writer
    if (writer === null) return Promise.reject(new BackendError('unavailable', 'The backend is not open.'))
    return new Promise((resolve, reject) => writer.push({ bytes, write, tell, resolve, reject }))
  }
}

/** LMDB has no empty keys, so each has a beginning of ours. */
function keyOf(key: string): Buffer {
  return Buffer.from(`${PREFIX}${key}`)
}

function textOf(key: Uint8Array): string {
  return Buffer.from(key).toString('utf8', PREFIX.length)
}
