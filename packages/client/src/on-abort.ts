import type { Off } from './types.js'

/** Calls the listener when the signal aborts; soon, never before this returns, if it did already. */
export const onAbort = (signal: AbortSignal | undefined, listener: () => void): Off => {
  signal?.addEventListener('abort', listener)
  if (signal?.aborted === true) queueMicrotask(listener)
  return () => signal?.removeEventListener('abort', listener)
}
