import type { State } from '../backend.js'
import { sortedEntries } from '../sorted-entries.js'
import type { Store } from './store.js'
import type { Writer } from './writer.js'

const PREFIX = 'state:'
const ALL = { start: keyOf(''), end: keyOf('\u{10ffff}') }

/** Facts that survive the process. All of them are in memory too: they are few, and reads must not see an unflushed one. */
export class DiskState implements State {
  readonly #writer: Writer
  readonly #values = new Map<string, Uint8Array>()

  constructor(store: Store, writer: Writer) {
    this.#writer = writer
    for (const { key, value } of store.scan('state', ALL)) this.#values.set(textOf(key), value)
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.#values.get(key))
  }

  set(key: string, value: Uint8Array): Promise<void> {
    const own = Buffer.from(value)
    return new Promise((resolve, reject) => {
      this.#writer.push({
        bytes: own.length,
        write: (writes) => writes.put('state', keyOf(key), own),
        tell: () => this.#values.set(key, own),
        resolve,
        reject,
      })
    })
  }

  delete(key: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#writer.push({
        bytes: 0,
        write: (writes) => writes.remove('state', keyOf(key)),
        tell: () => this.#values.delete(key),
        resolve,
        reject,
      })
    })
  }

  list(prefix: string): Promise<readonly { readonly key: string; readonly value: Uint8Array }[]> {
    return Promise.resolve(sortedEntries(this.#values, prefix))
  }
}

/** LMDB has no empty keys, so each has a beginning of ours. */
function keyOf(key: string): Buffer {
  return Buffer.from(`${PREFIX}${key}`)
}

function textOf(key: Uint8Array): string {
  return Buffer.from(key).toString('utf8', PREFIX.length)
}
