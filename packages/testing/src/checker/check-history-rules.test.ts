import { describe, expect, it } from 'vitest'
import { checkHistory } from './check-history.js'
import { failures, Story } from './story.fixture.js'

describe('a channel whose durability changes between runs', () => {
  /** On disk; a subscriber has #1 and #2, and is away from then on. */
  const onDisk = (): [Story, number] => {
    const story = new Story({ hasChangingRules: true })
    const subscription = story.subscribe()
    story.join(subscription, story.position(0))
    story.publish(1, 2)
    story.items(subscription, 1, 2)
    story.lose(subscription)
    return [story, subscription]
  }
  const inMemory = (story: Story): void => story.restart({ store: 'kept', changedTo: 'memory' })
  const publishInMemory = (story: Story): void => {
    inMemory(story)
    story.acknowledge(story.send('away'), 1, { durability: 'memory' })
  }

  it('owes a gap to a subscription that comes back after something was published in memory', () => {
    const [story, subscription] = onDisk()
    publishInMemory(story)
    story.restart()
    story.join(subscription)
    story.caughtUp(subscription, 2, 1)
    expect(failures(story)).toEqual(['C7 positions are fenced'])
  })

  it('owes it also when a run on disk without publications was in between', () => {
    const [story, subscription] = onDisk()
    inMemory(story)
    story.restart()
    publishInMemory(story)
    story.restart()
    story.join(subscription)
    story.item(subscription, 3)
    expect(failures(story)).toContain('C7 positions are fenced')
  })

  it('owes it to a position of the log in memory', () => {
    const story = new Story({ hasChangingRules: true })
    inMemory(story)
    const subscription = story.subscribe()
    story.join(subscription, story.position(0))
    story.acknowledge(story.send('1'), 1, { durability: 'memory' })
    story.item(subscription, 1)
    story.lose(subscription)
    story.restart()
    story.join(subscription)
    story.caughtUp(subscription, 1, 2)
    expect(failures(story)).toEqual(['C7 positions are fenced'])
  })

  it.each(['epoch-changed', 'purged', 'trimmed'] as const)(
    'is right with a gap `%s`, and goes on behind it',
    (reason) => {
      const [story, subscription] = onDisk()
      publishInMemory(story)
      story.restart()
      story.join(subscription)
      story.gap(subscription, reason, story.position(2, 1), story.position(0), null)
      story.caughtUp(subscription, 0)
      story.publish(1, 1)
      story.item(subscription, 1)
      const verdict = checkHistory(story.history)
      expect(verdict.violations).toEqual([])
      expect(verdict.needlessGaps).toBe(0)
    },
  )

  it('may go on without a gap when nothing was published in memory and everything is there', () => {
    const [story, subscription] = onDisk()
    inMemory(story)
    story.restart()
    story.join(subscription)
    story.caughtUp(subscription, 2, 1)
    story.publish(3, 3)
    story.item(subscription, 3)
    expect(failures(story)).toEqual([])
  })

  it('owes a gap for what was published on disk and was purged meanwhile', () => {
    const [story, subscription] = onDisk()
    story.publish(3, 4)
    inMemory(story)
    story.restart()
    story.join(subscription)
    story.caughtUp(subscription, 2, 1)
    expect(failures(story)).toEqual(['C3 a gap where rules changed'])
  })

  it('acknowledges with the durability of the run', () => {
    const [story] = onDisk()
    inMemory(story)
    story.acknowledge(story.send('3'), 1)
    expect(failures(story)).toEqual(['C4 durability as the rules say'])
  })
})
