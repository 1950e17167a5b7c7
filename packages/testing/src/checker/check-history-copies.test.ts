import { describe, expect, it } from 'vitest'
import { checkHistory } from './check-history.js'
import { begun, failures, Story } from './story.fixture.js'

describe('two copies of a directory that run at once', () => {
  /** Run 2 goes on with the directory of run 1, run 3 has a copy of it; both have #1. */
  const twins = (): [Story, number] => {
    const story = new Story()
    const subscription = story.subscribe()
    story.join(subscription, story.position(0))
    story.publish(1, 1)
    story.item(subscription, 1)
    story.add({ kind: 'node-ended', run: 1, how: 'stopped' })
    story.add({ kind: 'store-copied', copy: 'a' })
    story.start({ store: 'kept', of: 1 })
    story.start({ store: 'restored', copy: 'a' })
    return [story, subscription]
  }

  it('may each go on with what both have, and fence what only one has', () => {
    const [story, subscription] = twins()
    story.join(subscription)
    story.publish(2, 2)
    story.item(subscription, 2)
    story.run = 2
    story.join(subscription)
    story.gap(subscription, 'epoch-changed', story.position(2, 3), story.position(1, 1), null)
    story.acknowledge(story.send('other'), 2)
    story.item(subscription, 2, { id: 'other' })
    const verdict = checkHistory(story.history)
    expect(verdict.violations).toEqual([])
    expect(verdict.needlessGaps).toBe(0)
    expect(verdict.eligible.C7).toBeGreaterThan(0)
  })

  it('may give what only one has again to somebody who was fenced by the other and comes back', () => {
    const [story, subscription] = twins()
    story.join(subscription)
    story.publish(2, 2)
    story.item(subscription, 2)
    story.run = 2
    story.join(subscription)
    story.gap(subscription, 'epoch-changed', story.position(2, 3), story.position(1, 1), null)
    story.caughtUp(subscription, 1, 1)
    story.run = 3
    story.join(subscription)
    story.item(subscription, 2)
    expect(failures(story)).toEqual([])
    story.lose(subscription)
    story.join(subscription)
    story.item(subscription, 2)
    expect(failures(story)).toEqual(['C2 nothing twice'])
  })

  it('break C7 when one resumes a position of what only the other has', () => {
    const [story, subscription] = twins()
    story.join(subscription)
    story.publish(2, 2)
    story.item(subscription, 2)
    story.run = 2
    story.acknowledge(story.send('other'), 2)
    story.acknowledge(story.send('next'), 3)
    story.join(subscription)
    story.item(subscription, 3, { id: 'next' })
    expect(failures(story)).toContain('C7 positions are fenced')
  })

  it('break C7 also when the run that goes on has the directory of the copy', () => {
    const [story, subscription] = twins()
    story.run = 2
    story.join(subscription)
    story.publish(2, 2)
    story.item(subscription, 2)
    for (const run of [2, 3]) story.add({ kind: 'node-ended', run, how: 'killed' })
    story.run = 3
    story.start({ store: 'kept', of: 3 })
    story.join(subscription)
    story.caughtUp(subscription, 2, 2)
    expect(failures(story)).toContain('C7 positions are fenced')
  })
})

describe('publications that their client asked not to hear', () => {
  const quiet = (story: Story, id: string, unheard: 'session' | 'client', client = 'c1'): number => {
    const attempt = story.send(id)
    const sent = story.events.at(-1)
    if (sent !== undefined) story.events[story.events.length - 1] = { ...sent, client, unheard } as typeof sent
    return attempt
  }
  const mark = (story: Story, subscription: number, offset: number, id: string): void =>
    story.add({ kind: 'item', subscription, offset, position: story.position(offset), id, run: 1 })

  it('come as marks to a client of the wire protocol', () => {
    const [story, subscription] = begun()
    story.items(subscription, 4, 5)
    story.acknowledge(quiet(story, '6', 'session'), 6)
    mark(story, subscription, 6, '6')
    story.publish(7, 7)
    story.item(subscription, 7)
    expect(failures(story)).toEqual([])
  })

  it('break C3 when somebody else gets a mark', () => {
    const [story, subscription] = begun()
    story.acknowledge(quiet(story, '6', 'session', 'another'), 6)
    story.items(subscription, 4, 5)
    mark(story, subscription, 6, '6')
    expect(failures(story)).toEqual(['C3 an echo mark for one’s own'])
  })

  it('break C3 when a mark stands where another publication is', () => {
    const [story, subscription] = begun()
    story.acknowledge(quiet(story, '6', 'session'), 6)
    mark(story, subscription, 4, '6')
    expect(failures(story)).toContain('C3 an echo mark for one’s own')
  })

  it('break C2 when the session that published gets them as others do', () => {
    const story = new Story()
    const subscription = story.subscribe()
    const connection = 'ann 2'
    story.add({ kind: 'joined', subscription, askedMs: 0, run: 1, connection, position: story.position(0) })
    story.acknowledge(quiet(story, '1', 'session'), 1)
    story.item(subscription, 1)
    expect(failures(story)).toEqual(['C2 no echo where none is wanted'])
  })

  it('are left out by the SDK, before the next one, a gap and the end', () => {
    const [story, subscription] = begun({ keepsAll: false })
    story.items(subscription, 4, 5)
    story.acknowledge(quiet(story, '6', 'client'), 6)
    story.publish(7, 7)
    story.item(subscription, 7)
    story.acknowledge(quiet(story, '8', 'client'), 8)
    story.gap(subscription, 'trimmed', story.position(8), story.position(9), 1)
    story.acknowledge(quiet(story, '10', 'client'), 10)
    story.caughtUp(subscription, 10)
    story.add({ kind: 'calm' })
    story.wait(11_000)
    story.add({ kind: 'storm' })
    expect(failures(story)).toEqual([])
  })

  it('are behind a client that caught up at them, when a gap comes next', () => {
    const [story, subscription] = begun({ keepsAll: false })
    story.items(subscription, 4, 5)
    story.acknowledge(quiet(story, '6', 'client'), 6)
    story.caughtUp(subscription, 6)
    story.publish(7, 9)
    story.gap(subscription, 'expired', story.position(6), story.position(8), 2)
    story.item(subscription, 9)
    expect(failures(story)).toEqual([])
  })

  it('break C3 when others are left out with them', () => {
    const [story, subscription] = begun()
    story.items(subscription, 4, 5)
    story.acknowledge(quiet(story, '6', 'client'), 6)
    story.publish(7, 8)
    story.item(subscription, 8)
    expect(failures(story)).toEqual(['C3 no silent loss'])
  })

  it('break C2 when the SDK hands them out', () => {
    const [story, subscription] = begun()
    story.items(subscription, 4, 5)
    story.acknowledge(quiet(story, '6', 'client'), 6)
    story.item(subscription, 6)
    expect(failures(story)).toEqual(['C2 no echo where none is wanted'])
  })
})

describe('a node that refuses publishes for a while', () => {
  it.each([
    ['its disk is full', 'disk-full', 'disk-free'],
    ['its process stands still', 'process-stopped', 'process-continued'],
  ] as const)('may put what it refused behind later ones while %s, and nothing else', (_why, from, to) => {
    const story = new Story()
    const refused = story.send('a')
    story.add({ kind: from })
    story.add({ kind: to })
    const later = story.send('b')
    story.acknowledge(later, 1)
    story.acknowledge(refused, 2)
    const [next, last] = [story.send('c'), story.send('d')]
    expect(failures(story)).toEqual([])
    story.acknowledge(last, 3)
    story.acknowledge(next, 4)
    expect(failures(story)).toEqual(['C1 the order of one session'])
  })
})
