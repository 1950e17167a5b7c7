import type { Off } from './types.js'

/** Only browsers know; false everywhere else. */
export const isOffline = (): boolean => (globalThis.navigator as Navigator | undefined)?.onLine === false

/** Calls `changed` when the network came or went, and when the page was shown or hidden. Never where there is no page. */
export const watchNetwork = (changed: (event: Event) => void): Off => {
  const page = globalThis as Partial<EventTarget>
  const each = (name: 'addEventListener' | 'removeEventListener'): void => {
    for (const event of ['online', 'offline', 'visibilitychange']) page[name]?.(event, changed)
  }
  each('addEventListener')
  return () => each('removeEventListener')
}
