import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 20

/** Resolves once the condition holds or the time is over, with whether it holds. */
export const until = async (condition: () => boolean, limitMs: number): Promise<boolean> => {
  const untilMs = performance.now() + limitMs
  while (!condition() && performance.now() < untilMs) await sleep(POLL_MS)
  return condition()
}
