/** Who said that they were typing goes on typing for this long, unless they say so again. */
export const TYPING_MS = 6000

/** Who is typing. Everybody expires by themselves: the word that they stopped may never come. */
export class Typists {
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>()
  readonly #changed: () => void

  constructor(changed: () => void) {
    this.#changed = changed
  }

  /** In the order they started. */
  get names(): readonly string[] {
    return [...this.#timers.keys()]
  }

  started(name: string): void {
    clearTimeout(this.#timers.get(name))
    this.#timers.set(
      name,
      setTimeout(() => this.stopped(name), TYPING_MS),
    )
    this.#changed()
  }

  stopped(name: string): void {
    clearTimeout(this.#timers.get(name))
    if (this.#timers.delete(name)) this.#changed()
  }

  clear(): void {
    for (const name of this.names) this.stopped(name)
  }
}

/** `ann and bob are typing`; empty when nobody is. */
export const typingWords = (names: readonly string[]): string => {
  const [first, second] = names
  if (first === undefined) return ''
  if (second === undefined) return `${first} is typing`
  if (names.length === 2) return `${first} and ${second} are typing`
  return names.length === 3 ? `${first}, ${second} and ${names[2] ?? ''} are typing` : 'Several people are typing'
}
