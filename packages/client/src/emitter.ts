import type { Off } from './types.js'

type Listeners<Event> = Set<(event: Event) => void>

/** Listeners by name, called in the order they were added. */
export class Emitter<Events> {
  readonly #listeners: { [Name in keyof Events]?: Listeners<Events[Name]> } = {}

  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): Off {
    const listeners: Listeners<Events[Name]> = (this.#listeners[name] ??= new Set())
    // A function of its own, so that one listener added twice is two.
    const own = (event: Events[Name]): void => listener(event)
    listeners.add(own)
    return () => listeners.delete(own)
  }

  has(name: keyof Events): boolean {
    return !!this.#listeners[name]?.size
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    for (const listener of [...(this.#listeners[name] ?? [])]) {
      try {
        listener(event)
      } catch (error) {
        // The application's own mistake must not stop the SDK; it surfaces as an uncaught exception.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}
