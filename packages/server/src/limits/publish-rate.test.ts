import { channel, defineContract } from '@tidings/contract'
import { describe, expect, it } from 'vitest'
import { startNode } from '@tidings/testing'
import { memory } from '../backend/memory/index.js'
import { afterTest, connect } from '../node.fixture.js'
import { Account } from './account.js'
import { PublishRate } from './publish-rate.js'

let nowMs = 0
const rate = { perSecond: 40, burst: 80, monotonic: () => nowMs }
const account = (name: string): Account =>
  new Account(name, { commands: rate, bytes: rate, pages: rate, connects: rate, failedTokens: rate })
const taken = (publishes: PublishRate, who: Account, tries: number): number =>
  Array.from({ length: tries }, () => publishes.take(who)).filter(Boolean).length

describe('the publish rate of a channel', () => {
  it('is all there for one who publishes alone', () => {
    const publishes = new PublishRate(rate)
    const ada = account('ada')
    expect(taken(publishes, ada, 200)).toBe(80)
    nowMs += 1000
    expect(taken(publishes, ada, 200)).toBe(40)
  })

  it('leaves room for the next one when one has used up everything', () => {
    const publishes = new PublishRate(rate)
    expect(taken(publishes, account('ada'), 200)).toBe(80)
    expect(taken(publishes, account('bob'), 200)).toBe(20)
  })

  it('gives one account a quarter while others publish, however much it tries', () => {
    const publishes = new PublishRate(rate)
    const [ada, bob] = [account('ada'), account('bob')]
    let [adas, bobs] = [0, 0]
    for (let step = 0; step < 600; step++) {
      nowMs += 100
      adas += taken(publishes, ada, 100)
      if (step % 5 === 0) bobs += taken(publishes, bob, 1)
    }
    expect(bobs).toBe(120)
    // A minute at a quarter of 40 a second, after the burst that it had while it was alone.
    expect(adas).toBeLessThanOrEqual(80 + 20 + 600)
  })

  it('is bounded for everybody together', () => {
    const publishes = new PublishRate(rate)
    const crowd = Array.from({ length: 50 }, (_, index) => account(`${index}`))
    const all = crowd.reduce((sum, one) => sum + taken(publishes, one, 10), 0)
    expect(all).toBeLessThanOrEqual(100)
  })

  it('is all there again once the others have stopped', () => {
    const publishes = new PublishRate(rate)
    const [ada, bob] = [account('ada'), account('bob')]
    taken(publishes, ada, 1)
    taken(publishes, bob, 1)
    nowMs += 60_000
    expect(publishes.isFull).toBe(true)
    expect(taken(publishes, ada, 200)).toBe(80)
  })
})

it('contracts give the channels of a pattern another rate', async () => {
  const contract = defineContract({
    'room:{name}': channel({}),
    'ticker:{name}': channel({ limits: { publishesPerSecond: 20 } }),
    'rare:{name}': channel({ limits: { publishesPerSecond: 1, publishBurst: 2 } }),
  })
  const everything = { subscribe: true, publish: true }
  const node = await startNode<typeof contract>({
    ...{ contract, backend: memory(), authenticate: () => ({ id: 'ada' }) },
    allow: { 'room:{name}': everything, 'ticker:{name}': everything, 'rare:{name}': everything },
    limits: { publishesPerSecond: 1, publishBurst: 10 },
    clock: { now: () => Date.now(), monotonic: () => 0 },
  })
  afterTest(() => node.close())
  const client = await connect(node)
  const published = async (name: string): Promise<number> => {
    let count = 0
    for (let index = 0; index < 30; index++) {
      const reply = await client.request({ type: 'publish', channel: name, data: index })
      if (reply.type === 'published') count += 1
    }
    return count
  }
  expect(await published('room:a')).toBe(10)
  expect(await published('ticker:a')).toBe(20)
  expect(await published('rare:a')).toBe(2)
})
