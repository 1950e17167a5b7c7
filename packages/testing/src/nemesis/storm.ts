import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../random.js'
import { between } from '../workload/world.js'
import { LINK_FAULTS } from './link-faults.js'
import type { NodeFault, NodeFaultParts } from './node-faults.js'

export interface StormParts extends NodeFaultParts {
  readonly nodeFaults: readonly [NodeFault, ...NodeFault[]]
  /** Those of them that come next, before any other; taken out as they come. */
  readonly begin: NodeFault[]
  readonly linkRandom: Random
  /** Names of faults that come five times as often. */
  readonly emphasis: readonly string[]
}

const MAX_LINK_PAUSE_MS = 220
const MAX_NODE_PAUSE_MS = 1400

const EMPHASIS = 5

interface Weighed {
  readonly name: string
  readonly weight: number
}

const pick = <Fault extends Weighed>(
  random: Random,
  faults: readonly [Fault, ...Fault[]],
  emphasis: readonly string[],
): Fault => {
  const weightOf = ({ name, weight }: Fault): number => (emphasis.includes(name) ? weight * EMPHASIS : weight)
  let left = random.next() * faults.reduce((sum, fault) => sum + weightOf(fault), 0)
  for (const fault of faults) {
    left -= weightOf(fault)
    if (left < 0) return fault
  }
  return faults[0]
}

/** Breaks connections and the node, both at random and at once. Resolves when it is over and everything is whole again. */
export const storm = async (parts: StormParts, durationMs: number): Promise<void> => {
  const untilMs = performance.now() + durationMs
  await Promise.all([breakLinks(parts, untilMs), breakNode(parts, untilMs)])
  parts.proxy.heal()
}

const breakLinks = async ({ proxy, linkRandom, tally, emphasis }: StormParts, untilMs: number): Promise<void> => {
  const underWay = new Set<Promise<void>>()
  while (performance.now() < untilMs) {
    const struck = Promise.resolve(pick(linkRandom, LINK_FAULTS, emphasis).strike(proxy, linkRandom, tally))
    underWay.add(struck)
    void struck.finally(() => underWay.delete(struck))
    await sleep(between(linkRandom, 1, MAX_LINK_PAUSE_MS))
  }
  await Promise.all(underWay)
}

const breakNode = async (parts: StormParts, untilMs: number): Promise<void> => {
  const { random, nodeFaults, emphasis, begin } = parts
  while (performance.now() < untilMs) {
    await sleep(between(random, 1, MAX_NODE_PAUSE_MS))
    const fault = begin.shift() ?? pick(random, nodeFaults, emphasis)
    await fault.strike(parts)
  }
}
