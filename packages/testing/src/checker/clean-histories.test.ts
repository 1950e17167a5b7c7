import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkHistory } from './check-history.js'
import type { History, HistoryEvent } from './history.js'
import { simulate } from './simulate.fixture.js'

const seeds = fc.integer({ min: 0, max: 2 ** 31 })

const withEvents = (history: History, events: readonly HistoryEvent[]): History => ({ ...history, events })

/** Items after which their subscription is given a next one without a gap between. */
const innerItems = ({ events }: History): readonly number[] => {
  const indexes: number[] = []
  for (const [index, event] of events.entries()) {
    if (event.kind !== 'item') continue
    const own = (other: HistoryEvent): boolean =>
      (other.kind === 'item' || other.kind === 'gap') && other.subscription === event.subscription
    const before = events.findLast((other, at) => at < index && own(other))
    const after = events.find((other, at) => at > index && own(other))
    if (before?.kind === 'item' && after?.kind === 'item') indexes.push(index)
  }
  return indexes
}

describe('the history of a server that keeps its promises', () => {
  it('passes, whatever happens to the node and the connections', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        expect(checkHistory(simulate(seed)).violations).toEqual([])
      }),
      { numRuns: 200 },
    )
  })

  it('puts every promise to the test that a history can show', () => {
    const total = { C1: 0, C2: 0, C3: 0, C4: 0, C5: 0, C7: 0 }
    for (let seed = 1; seed <= 30; seed += 1) {
      const { eligible } = checkHistory(simulate(seed))
      for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += eligible[key]
    }
    for (const count of Object.values(total)) expect(count).toBeGreaterThan(50)
  })

  it('fails once any one delivery between two others is taken out', () => {
    fc.assert(
      fc.property(seeds, fc.nat(), (seed, pick) => {
        const history = simulate(seed)
        const inner = innerItems(history)
        fc.pre(inner.length > 0)
        const removed = inner[pick % inner.length]
        const broken = withEvents(
          history,
          history.events.filter((_, index) => index !== removed),
        )
        expect(checkHistory(broken).violations.map(({ promise }) => promise)).toContain('C3')
      }),
      { numRuns: 50 },
    )
  })

  it('fails once any one delivery is repeated', () => {
    fc.assert(
      fc.property(seeds, fc.nat(), (seed, pick) => {
        const history = simulate(seed)
        const items = history.events.filter(({ kind }) => kind === 'item')
        const item = items[pick % Math.max(1, items.length)]
        fc.pre(item !== undefined)
        const broken = withEvents(
          history,
          history.events.flatMap((event) => (event === item ? [event, event] : [event])),
        )
        expect(checkHistory(broken).violations.map(({ promise }) => promise)).toContain('C2')
      }),
      { numRuns: 50 },
    )
  })

  it('fails once a gap that fences a position is left out', () => {
    let planted = 0
    for (let seed = 1; seed <= 40; seed += 1) {
      const history = simulate(seed)
      const gap = history.events.find((event) => event.kind === 'gap' && event.reason === 'epoch-changed')
      if (gap === undefined) continue
      planted += 1
      const broken = withEvents(
        history,
        history.events.filter((event) => event !== gap),
      )
      expect(checkHistory(broken).violationCount, `seed ${seed}`).toBeGreaterThan(0)
    }
    expect(planted).toBeGreaterThan(10)
  })
})
