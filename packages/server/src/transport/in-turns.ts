import { Deque } from '../deque.js'
import type { Turn } from './turn.js'

/**
 * For calls that come in crowds, as handshakes do when a thousand clients come back at once: in each turn of the event loop
 * as many as it has time for, at least one, in order.
 */
export const inTurns = <Args extends readonly unknown[]>(
  turn: Turn,
  call: (...args: Args) => void,
): ((...args: Args) => void) => {
  const waiting = new Deque<Args>()
  const goOn = (): void => {
    turn.begin()
    const args = waiting.at(0)
    if (args !== undefined) call(...args)
    // Not before: what it asks for comes after the others.
    waiting.shift()
    if (waiting.length === 0) return
    // What a call left to the next tick is its work too, and done before anybody looks at the time.
    process.nextTick(goOnIfThereIsTime)
  }
  const goOnIfThereIsTime = (): void => {
    if (turn.hasTime()) goOn()
    else setImmediate(goOn)
  }
  return (...args) => {
    if (waiting.length === 0 && turn.hasTime()) return call(...args)
    waiting.push(args)
    if (waiting.length === 1) setImmediate(goOn)
  }
}
