import { until } from '../until.js'
import type { Workload } from '../workload/workload.js'
import type { World } from '../workload/world.js'

const MARK_MS = 1000
const SETTLE_MS = 5000

/** Publishes markers until everybody, and some who read everything there is, got one of them. */
const everybodyComplete = async (workload: Workload, world: World, deadlineMs: number): Promise<void> => {
  const readers = workload.readAll()
  const marks = new Set<string>()
  const marking = setInterval(() => marks.add(workload.mark()), MARK_MS)
  marks.add(workload.mark())
  const isMarked = (seen: ReadonlySet<string>): boolean => [...marks].some((id) => seen.has(id))
  const missing = (): string[] =>
    workload.subscribers.flatMap(({ name, channel, markers }) => (isMarked(markers) ? [] : [`${name} on ${channel}`]))
  // Somebody who came during the calm has as long as those who were there.
  const isComplete = await until(() => missing().length === 0, 2 * deadlineMs)
  clearInterval(marking)
  if (!isComplete)
    world.fail(`not there ${2 * deadlineMs} ms after everything was whole again: ${missing().join(', ')}`)
  for (const reader of readers) workload.leave(reader)
}

/** Nothing is broken while it is under way: everybody must get everything. */
export const calm = async (workload: Workload, world: World, deadlineMs: number): Promise<void> => {
  world.recorder.record({ kind: 'calm' })
  await everybodyComplete(workload, world, deadlineMs)
  world.recorder.record({ kind: 'storm' })
}

/** Nobody publishes any more; what is under way is settled, if that can be. */
export const settle = async (workload: Workload): Promise<void> => {
  workload.rest(true)
  await until(() => workload.unsettled === 0, SETTLE_MS)
}
