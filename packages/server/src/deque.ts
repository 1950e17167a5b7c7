const MIN_CAPACITY = 16

/** A double-ended queue as a ring: push, shift and access by index cost the same however long it is. */
export class Deque<Item> {
  #ring: (Item | undefined)[] = []
  #head = 0
  #length = 0

  get length(): number {
    return this.#length
  }

  /** The item at `index` from the oldest, or undefined. */
  at(index: number): Item | undefined {
    if (index < 0 || index >= this.#length) return undefined
    return this.#ring[(this.#head + index) & (this.#ring.length - 1)]
  }

  push(item: Item): void {
    if (this.#length === this.#ring.length) this.#resize(Math.max(MIN_CAPACITY, this.#length * 2))
    this.#ring[(this.#head + this.#length) & (this.#ring.length - 1)] = item
    this.#length += 1
  }

  /** Takes the oldest. */
  shift(): Item | undefined {
    if (this.#length === 0) return undefined
    const item = this.#ring[this.#head]
    this.#ring[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#ring.length - 1)
    this.#length -= 1
    if (this.#ring.length > MIN_CAPACITY && this.#length < this.#ring.length / 4) this.#resize(this.#ring.length / 2)
    return item
  }

  clear(): void {
    this.#ring = []
    this.#head = 0
    this.#length = 0
  }

  #resize(capacity: number): void {
    const ring = new Array<Item | undefined>(capacity)
    for (let index = 0; index < this.#length; index += 1) ring[index] = this.at(index)
    this.#ring = ring
    this.#head = 0
  }
}
