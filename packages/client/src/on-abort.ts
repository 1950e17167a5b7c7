import type { Off } from './types.js'

class Listeners extends Set<() => void> {
  handleEvent(): void {
    for (const listener of [...this]) listener()
  }
}

/** One signal may end hundreds of subscriptions, and Node warns of more than ten listeners: each signal gets one. */
const listenersOf = new WeakMap<AbortSignal, Listeners>()

/** Calls the listener when the signal aborts; soon, never before this returns, if it did already. */
export const onAbort = (signal: AbortSignal | undefined, listener: () => void): Off => {
  if (signal?.aborted !== false) {
    if (signal) queueMicrotask(listener)
    return () => undefined
  }
  const listeners = listenersOf.get(signal) ?? new Listeners()
  listenersOf.set(signal, listeners.add(listener))
  signal.addEventListener('abort', listeners)
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0) signal.removeEventListener('abort', listeners)
  }
}
