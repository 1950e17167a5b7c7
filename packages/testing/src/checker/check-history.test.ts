import { describe, expect, it } from 'vitest'
import { checkHistory } from './check-history.js'
import { begun, failures, Story } from './story.fixture.js'

const CONTENT = { publisher: 'ann', run: 1 }

describe('a history without a violation', () => {
  it('passes, with what was checked', () => {
    const [story, subscription] = begun()
    story.items(subscription, 4, 5)
    const verdict = checkHistory(story.history)
    expect(verdict).toMatchObject({ violationCount: 0, publications: 5, deliveries: 5, needlessGaps: 0 })
    expect(verdict.eligible.C1).toBeGreaterThan(0)
    expect(verdict.eligible.C2).toBe(5)
    expect(verdict.eligible.C3).toBeGreaterThan(0)
    expect(verdict.eligible.C4).toBeGreaterThan(0)
  })

  it('may go on through restarts, with retries and a copy put back', () => {
    const [story, subscription] = begun()
    story.add({ kind: 'node-ended', run: 1, how: 'stopped' })
    story.add({ kind: 'store-copied', copy: 'a' })
    story.start({ store: 'kept' })
    story.join(subscription)
    story.items(subscription, 4, 5, { run: 1 })
    const retried = story.send('6')
    const repeated = story.send('6')
    story.acknowledge(retried, 6)
    story.acknowledge(repeated, 6, { duplicate: true })
    story.item(subscription, 6)
    story.restart({ store: 'restored', copy: 'a' })
    story.join(subscription)
    story.gap(subscription, 'epoch-changed', 'run2:6', 'run1:5', null)
    story.acknowledge(story.send('7'), 6)
    story.item(subscription, 6, { id: '7' })
    const verdict = checkHistory(story.history)
    expect(verdict.violations).toEqual([])
    expect(verdict.gaps).toEqual({ 'epoch-changed': 1 })
    expect(verdict.needlessGaps).toBe(0)
    expect(verdict.eligible.C5).toBeGreaterThan(0)
    expect(verdict.eligible.C7).toBeGreaterThan(0)
  })

  it('may lose what is only in memory at a restart, and says so', () => {
    const [story, subscription] = begun({ durability: 'memory' })
    story.restart()
    story.join(subscription)
    story.gap(subscription, 'epoch-changed', 'run1:3', 'run2:0', null)
    story.acknowledge(story.send('x'), 1)
    story.item(subscription, 1, { id: 'x' })
    expect(failures(story)).toEqual([])
  })

  it('may have an unknown outcome that was stored', () => {
    const [story, subscription] = begun()
    story.items(subscription, 4, 5)
    const attempt = story.send('6')
    story.item(subscription, 6)
    story.add({ kind: 'unknown', attempt, code: 'outcome-unknown' })
    expect(checkHistory(story.history)).toMatchObject({ violationCount: 0, unknownOutcomes: 1 })
  })
})

describe('C1', () => {
  it('breaks when a subscriber gets an earlier offset', () => {
    const [story, subscription] = begun()
    story.item(subscription, 2, { run: 9 })
    expect(failures(story)).toContain('C1 offsets rise')
  })

  it('breaks when two subscribers see another order', () => {
    const [story, subscription] = begun()
    const other = story.subscribe()
    story.join(other, story.position(3))
    story.add({ kind: 'item', subscription: other, offset: 4, position: 'run1:5', id: '5', hash: 'h-5', ...CONTENT })
    story.item(subscription, 4)
    expect(failures(story)).toContain('C1 one order for all')
  })

  it('breaks when two subscribers see another order, whichever run told them', () => {
    const story = new Story()
    for (const id of ['a', 'b', 'c']) story.send(id)
    for (const [first, second] of [
      ['a', 'c'],
      ['b', 'c'],
    ] as const) {
      const subscription = story.subscribe()
      for (const [offset, id] of [first, second].entries()) {
        const position = id === 'c' ? 'p2' : `p1${id}`
        const item = { offset: offset + 1, position, id, hash: `h-${id}`, publisher: 'ann' }
        story.add({ kind: 'item', subscription, ...item })
      }
    }
    expect(failures(story)).toEqual(['C1 one order for all'])
  })

  it('breaks when one session’s publications are stored in another order', () => {
    const story = new Story()
    const [first, second] = [story.send('a'), story.send('b')]
    story.acknowledge(second, 1)
    story.acknowledge(first, 2)
    expect(failures(story)).toEqual(['C1 the order of one session'])
  })

  it('breaks when the time falls', () => {
    const [story, subscription] = begun()
    const { position } = { position: story.position(4) }
    story.add({ kind: 'item', subscription, offset: 4, position, id: '4', hash: 'h-4', time: 1, ...CONTENT })
    expect(failures(story)).toEqual(['C1 time does not fall'])
  })
})

describe('C2', () => {
  it('breaks when a publication comes twice', () => {
    const [story, subscription] = begun()
    story.item(subscription, 3)
    expect(failures(story)).toEqual(['C2 nothing twice'])
  })

  it('breaks when a reconnect hands an old one out again', () => {
    const [story, subscription] = begun()
    story.lose(subscription)
    story.join(subscription)
    story.items(subscription, 3, 5)
    expect(failures(story)).toContain('C2 nothing twice')
  })

  it('breaks when an offset comes twice under another position', () => {
    const [story, subscription] = begun()
    story.item(subscription, 3, { run: 7 })
    expect(failures(story)).toContain('C2 no offset twice')
  })
})

describe('C3', () => {
  it('breaks when one is missing in the middle', () => {
    const [story, subscription] = begun()
    story.item(subscription, 5)
    expect(failures(story)).toEqual(['C3 no silent loss'])
  })

  it('breaks when a gap stands for fewer than are missing', () => {
    const [story, subscription] = begun({ keepsAll: false })
    story.gap(subscription, 'trimmed', story.position(3), story.position(4), 0)
    story.item(subscription, 5)
    expect(failures(story)).toEqual(['C3 no silent loss'])
  })

  it('breaks when a gap is not where the subscription is', () => {
    const [story, subscription] = begun({ keepsAll: false })
    story.gap(subscription, 'trimmed', story.position(2), story.position(4), 1)
    expect(failures(story)).toEqual(['C3 a gap in its place'])
  })

  it('breaks when it is told that it caught up and did not', () => {
    const [story, subscription] = begun()
    story.lose(subscription)
    story.join(subscription)
    story.caughtUp(subscription, 5)
    expect(failures(story)).toEqual(['C3 caught up is complete'])
  })

  it('breaks when one comes after the deadline', () => {
    const [story, subscription] = begun()
    story.add({ kind: 'calm' })
    story.wait(11_000)
    story.items(subscription, 4, 5)
    expect(failures(story)).toEqual(['C3 in time'])
  })

  it('breaks when the last ones never come', () => {
    const [story] = begun()
    story.add({ kind: 'calm' })
    story.wait(11_000)
    story.add({ kind: 'storm' })
    expect(failures(story)).toEqual(['C3 in time'])
  })

  it('breaks when nothing ever comes', () => {
    const story = new Story()
    const subscription = story.subscribe()
    story.join(subscription)
    story.add({ kind: 'calm' })
    story.publish(1, 1)
    story.wait(11_000)
    story.add({ kind: 'storm' })
    expect(failures(story)).toEqual(['C3 in time'])
  })

  it('has no deadline while things are broken or the subscription is away', () => {
    const [story, subscription] = begun()
    story.wait(11_000)
    story.add({ kind: 'calm' })
    story.lose(subscription)
    story.wait(11_000)
    story.add({ kind: 'storm' })
    expect(failures(story)).toEqual([])
  })
})

describe('C6', () => {
  it('breaks when the node takes more memory than it may', () => {
    const story = new Story()
    story.add({ kind: 'memory', run: 1, rssBytes: 3000 })
    const verdict = checkHistory({ ...story.history, maxRssBytes: 2000 })
    expect(verdict.violations).toMatchObject([{ promise: 'C6' }])
    expect(verdict.eligible.C6).toBe(1)
  })
})

describe('C7', () => {
  it('breaks when a position of a log that was wiped is resumed', () => {
    const [story, subscription] = begun()
    story.restart({ store: 'wiped' })
    story.join(subscription)
    story.caughtUp(subscription, 3)
    expect(failures(story)).toContain('C7 positions are fenced')
  })

  it('breaks when a position of memory is resumed after a restart', () => {
    const [story, subscription] = begun({ durability: 'memory' })
    story.restart()
    story.acknowledge(story.send('x'), 4)
    story.join(subscription)
    story.item(subscription, 4, { id: 'x' })
    expect(failures(story)).toEqual(['C7 positions are fenced'])
  })

  it('breaks when a position that an older copy does not have is resumed', () => {
    const story = new Story()
    const subscription = story.subscribe()
    story.join(subscription, story.position(0))
    story.publish(1, 1)
    story.item(subscription, 1)
    story.add({ kind: 'node-ended', run: 1, how: 'stopped' })
    story.add({ kind: 'store-copied', copy: 'a' })
    story.start({ store: 'kept' })
    story.join(subscription)
    story.publish(2, 2)
    story.item(subscription, 2)
    story.restart({ store: 'restored', copy: 'a' })
    story.acknowledge(story.send('b'), 2)
    story.acknowledge(story.send('c'), 3)
    story.join(subscription)
    story.item(subscription, 3, { id: 'c' })
    expect(failures(story)).toContain('C7 positions are fenced')
  })

  it('breaks when such a resume is only seen in what others saw', () => {
    const story = new Story()
    for (const id of ['a', 'b', 'c']) story.send(id)
    const [first, second] = [story.subscribe(), story.subscribe()]
    const item = (subscription: number, offset: number, id: string): void =>
      story.add({ kind: 'item', subscription, offset, position: `p-${id}`, id, hash: `h-${id}`, publisher: 'ann' })
    item(first, 2, 'a')
    item(first, 3, 'c')
    item(second, 2, 'b')
    item(second, 3, 'c')
    expect(failures(story)).toEqual(['C1 one order for all'])
  })

  it('breaks when one position names two publications', () => {
    const [story, subscription] = begun()
    story.add({ kind: 'item', subscription, offset: 4, position: 'run1:3', id: '4', hash: 'h-4', ...CONTENT })
    expect(failures(story)).toContain('C7 one position, one publication')
  })
})

describe('needless gaps', () => {
  it('are counted and are no violation', () => {
    const [story, subscription] = begun()
    story.restart()
    story.join(subscription)
    story.gap(subscription, 'epoch-changed', story.position(3, 1), story.position(5, 1), null)
    const verdict = checkHistory(story.history)
    expect(verdict).toMatchObject({ violationCount: 0, needlessGaps: 1 })
    expect(verdict.needlessExcerpts).toHaveLength(1)
  })
})
