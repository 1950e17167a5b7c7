import { describe, expect, it } from 'vitest'
import { begun, failures, Story } from './story.fixture.js'

describe('C4', () => {
  it('breaks when what was acknowledged is gone after a restart', () => {
    const [story, subscription] = begun()
    story.items(subscription, 4, 4)
    story.restart()
    story.join(subscription)
    story.acknowledge(story.send('new'), 5)
    expect(failures(story)).toEqual(['C4 kept through a restart'])
  })

  it('breaks when what was acknowledged last is gone after a restart', () => {
    const [story] = begun()
    story.restart()
    const reader = story.subscribe({ wholeLog: true })
    story.join(reader)
    story.items(reader, 1, 4, { run: 1 })
    story.caughtUp(reader, 4, 1)
    expect(failures(story)).toEqual(['C4 caught up is complete'])
  })

  it('breaks when everything is gone after a restart', () => {
    const [story] = begun()
    story.restart()
    const reader = story.subscribe({ wholeLog: true })
    story.join(reader)
    story.caughtUp(reader, 0)
    expect(failures(story)).toEqual(['C4 caught up is complete'])
  })

  it('breaks when the oldest are gone although everything is kept', () => {
    const [story] = begun()
    const reader = story.subscribe({ wholeLog: true })
    story.join(reader)
    story.items(reader, 2, 5)
    expect(failures(story)).toEqual(['C3 no silent loss'])
  })

  it('breaks when something was delivered before it was kept', () => {
    const [story, subscription] = begun()
    story.items(subscription, 4, 5)
    story.send('6')
    story.item(subscription, 6)
    story.restart()
    story.acknowledge(story.send('other'), 6)
    expect(failures(story)).toEqual(['C4 kept through a restart'])
  })

  it('breaks when a rejected publication is delivered', () => {
    const [story, subscription] = begun()
    story.items(subscription, 4, 5)
    const attempt = story.send('6')
    story.add({ kind: 'rejected', attempt, code: 'storage-full' })
    story.item(subscription, 6)
    expect(failures(story)).toEqual(['C4 what is rejected is not stored'])
  })

  it('breaks when something is delivered that nobody published, or other data', () => {
    const [story, subscription] = begun()
    story.item(subscription, 4, { hash: 'other' })
    story.item(subscription, 5, { id: 'nobody' })
    expect(failures(story)).toContain('C4 what is delivered was published')
  })

  it('breaks when it is acknowledged as less than the rules say', () => {
    const story = new Story()
    const attempt = story.send('1')
    story.add({
      kind: 'acknowledged',
      attempt,
      offset: 1,
      position: 'p',
      durability: 'memory',
      duplicate: false,
      run: 1,
    })
    expect(failures(story)).toEqual(['C4 durability as the rules say'])
  })
})

describe('C5', () => {
  it('breaks when a retry is stored again', () => {
    const [story, subscription] = begun()
    story.items(subscription, 4, 5)
    story.send('6')
    story.item(subscription, 6)
    story.item(subscription, 7, { id: '6' })
    expect(failures(story)).toEqual(['C5 stored once'])
  })

  it('breaks when a repeat is acknowledged with another position', () => {
    const story = new Story()
    const [first, second] = [story.send('a'), story.send('a')]
    story.acknowledge(first, 1)
    story.restart()
    story.acknowledge(second, 2)
    expect(failures(story)).toContain('C5 the first position for repeats')
  })

  it('breaks when a repeat is not called one', () => {
    const story = new Story()
    const [first, second] = [story.send('a'), story.send('a')]
    story.acknowledge(first, 1)
    story.acknowledge(second, 1)
    expect(failures(story)).toEqual(['C5 repeats are called duplicates'])
  })

  it('breaks when other data under the same id is taken', () => {
    const story = new Story()
    const [first, second] = [story.send('a', 'x'), story.send('a', 'y')]
    story.acknowledge(first, 1)
    story.acknowledge(second, 2)
    expect(failures(story)).toEqual(['C5 other data is an id-conflict'])
  })

  it('allows an id once more after its window', () => {
    const story = new Story({ dedupeWindowMs: 1000 })
    const first = story.send('a', 'x')
    story.acknowledge(first, 1)
    story.wait(1000)
    story.acknowledge(story.send('a', 'y'), 2)
    expect(failures(story)).toEqual([])
  })

  it('breaks when an id-conflict has no cause', () => {
    const story = new Story()
    story.acknowledge(story.send('a'), 1)
    story.add({ kind: 'rejected', attempt: story.send('a'), code: 'id-conflict' })
    expect(failures(story)).toEqual(['C5 id-conflict needs other data'])
  })
})
