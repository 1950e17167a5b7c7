import { readdirSync } from 'node:fs'
import { constants, setPriority } from 'node:os'

/** The threads of this process by their numbers; none where the system does not tell (it is Linux that does). */
export const ownThreads = (): readonly number[] => {
  try {
    return readdirSync('/proc/self/task').map(Number)
  } catch {
    return []
  }
}

/** Lets threads have a processor only when nobody else wants it. Only root can take that back. */
export const giveWay = (threads: readonly number[]): void => {
  for (const thread of threads) {
    try {
      setPriority(thread, constants.priority.PRIORITY_LOW)
    } catch (error) {
      // One that ended meanwhile.
      if ((error as { readonly info?: { readonly code?: string } }).info?.code !== 'ESRCH') throw error
    }
  }
}
