import type { Watch } from './backend.js'

interface Entry<Item> {
  readonly tell: (item: Item) => void
  stopped: boolean
}

/**
 * Tells listeners in order, in the same turn. A listener may cause another item: it waits until everyone has the one
 * before. A stopped listener hears nothing more, not even of the item being told.
 */
export class Listeners<Item> {
  #entries: readonly Entry<Item>[] = []
  #waiting: Item[] | null = null

  get count(): number {
    return this.#entries.length
  }

  add(tell: (item: Item) => void): Watch {
    const entry: Entry<Item> = { tell, stopped: false }
    this.#entries = [...this.#entries, entry]
    return {
      stop: () => {
        if (entry.stopped) return
        entry.stopped = true
        this.#entries = this.#entries.filter((other) => other !== entry)
      },
    }
  }

  tell(item: Item): void {
    if (this.#entries.length === 0) return
    if (this.#waiting !== null) {
      this.#waiting.push(item)
      return
    }
    const waiting: Item[] = []
    this.#waiting = waiting
    try {
      this.#tellAll(item)
      // Reaches also those that are added meanwhile.
      for (const next of waiting) this.#tellAll(next)
    } finally {
      this.#waiting = null
    }
  }

  #tellAll(item: Item): void {
    for (const entry of this.#entries) if (!entry.stopped) entry.tell(item)
  }
}
