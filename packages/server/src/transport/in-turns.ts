import type { Turn } from './turn.js'

/**
 * For calls that come in crowds, as handshakes do when a thousand clients come back at once: in each turn of the event loop
 * as many as it has time for, at least one, in order.
 */
export const inTurns = <Args extends readonly unknown[]>(
  turn: Turn,
  call: (...args: Args) => void,
): ((...args: Args) => void) => {
  let waiting: Args[] = []
  let next = 0
  const goOn = (): void => {
    turn.begin()
    do {
      const args = waiting[next++]
      if (args !== undefined) call(...args)
    } while (next < waiting.length && turn.hasTime())
    if (next < waiting.length) {
      setImmediate(goOn)
      return
    }
    waiting = []
    next = 0
  }
  return (...args) => {
    if (waiting.length === 0 && turn.hasTime()) return call(...args)
    waiting.push(args)
    if (waiting.length === 1) setImmediate(goOn)
  }
}
