/** Something that runs while anybody uses it. */
export interface Startable {
  start(): Promise<void>
  stop(): void
}

interface Entry<Value> {
  readonly value: Value
  readonly started: Promise<void>
  users: number
}

/** One running value a subject: the first user starts it, the last one stops it. */
export class Shared<Subject, Value extends Startable> {
  readonly #keyOf: (subject: Subject) => string
  readonly #make: (subject: Subject) => Value
  readonly #entries = new Map<string, Entry<Value>>()

  constructor(keyOf: (subject: Subject) => string, make: (subject: Subject) => Value) {
    this.#keyOf = keyOf
    this.#make = make
  }

  has(key: string): boolean {
    return this.#entries.has(key)
  }

  get size(): number {
    return this.#entries.size
  }

  values(): readonly Value[] {
    return [...this.#entries.values()].map(({ value }) => value)
  }

  /** Resolves once it is started; give it back with `release`. Rejects as `start` does, and then nothing is held. */
  async acquire(subject: Subject): Promise<Value> {
    const key = this.#keyOf(subject)
    let entry = this.#entries.get(key)
    if (entry === undefined) {
      const value = this.#make(subject)
      entry = { value, started: value.start(), users: 0 }
      this.#entries.set(key, entry)
    }
    entry.users += 1
    try {
      await entry.started
      return entry.value
    } catch (error) {
      this.#giveBack(key, entry)
      throw error
    }
  }

  release(subject: Subject, value: Value): void {
    const key = this.#keyOf(subject)
    const entry = this.#entries.get(key)
    if (entry?.value === value) this.#giveBack(key, entry)
  }

  stopAll(): void {
    for (const { value } of this.#entries.values()) value.stop()
    this.#entries.clear()
  }

  #giveBack(key: string, entry: Entry<Value>): void {
    entry.users -= 1
    if (entry.users > 0) return
    entry.value.stop()
    if (this.#entries.get(key) === entry) this.#entries.delete(key)
  }
}
