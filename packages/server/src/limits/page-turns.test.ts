import { setImmediate as endOfTurn } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { latch, until } from '../node.fixture.js'
import { Turn } from '../transport/turn.js'
import { Account } from './account.js'
import { PageTurns } from './page-turns.js'

afterEach(() => vi.restoreAllMocks())

const PAGE_BYTES = 100_000

interface World {
  readonly turns: PageTurns
  readonly account: (name: string) => Account
  /** Names of the accounts whose pages were read, in order. */
  readonly read: string[]
  readonly page: (name: string) => () => Promise<number>
  readonly reached: () => number
  nowMs: number
}

/** Accounts may read so many pages at once, and one a second. */
const world = (burstPages = 1000): World => {
  let reached = 0
  const read: string[] = []
  const turns = new PageTurns(new Turn(), () => (reached += 1))
  const pages = { perSecond: PAGE_BYTES + 512, burst: burstPages * (PAGE_BYTES + 512), monotonic: () => made.nowMs }
  const made: World = {
    turns,
    read,
    account: (name) =>
      new Account(name, { pages, commands: pages, bytes: pages, connects: pages, failedTokens: pages }),
    page: (name) => () => {
      read.push(name)
      return Promise.resolve(PAGE_BYTES)
    },
    reached: () => reached,
    nowMs: 1000,
  }
  return made
}

describe('page turns', () => {
  it('let accounts take turns, however much one of them wants', async () => {
    const { turns, account, page, read } = world()
    const [busy, quiet] = [account('busy'), account('quiet')]
    const all = Array.from({ length: 20 }, () => turns.run(busy, page('busy')))
    await Promise.all([...all, turns.run(quiet, page('quiet')), turns.run(quiet, page('quiet'))])
    expect(read).toHaveLength(22)
    const places = read.flatMap((name, place) => (name === 'quiet' ? [place] : []))
    expect(places[1]).toBeLessThan(8)
  })

  it('read no more in one turn of the event loop than its bytes allow', async () => {
    vi.spyOn(Turn.prototype, 'hasTime').mockReturnValue(true)
    const { turns, account, page, read } = world()
    const pages = Array.from({ length: 12 }, (_, index) => turns.run(account(`${index}`), page('a')))
    let [before, most] = [read.length, read.length]
    while (read.length < 12) {
      await endOfTurn()
      most = Math.max(most, read.length - before)
      before = read.length
    }
    await Promise.all(pages)
    expect(most).toBe(2)
  })

  it('read one page in a turn that has no more time, and others have theirs in between', async () => {
    vi.spyOn(Turn.prototype, 'hasTime').mockReturnValue(false)
    const { turns, account, page, read } = world()
    const one = account('a')
    const pages = Array.from({ length: 10 }, () => turns.run(one, page('a')))
    const seen: number[] = []
    while (read.length < 10) {
      const before = read.length
      await endOfTurn()
      seen.push(read.length - before)
    }
    expect(Math.max(...seen)).toBe(1)
    await Promise.all(pages)
  })

  it('let an account that has used up its budget wait until it has some again, and nobody else', async () => {
    const it = world(2)
    const [greedy, other] = [it.account('greedy'), it.account('other')]
    const pages = Array.from({ length: 4 }, () => it.turns.run(greedy, it.page('greedy')))
    await it.turns.run(other, it.page('other'))
    await until(() => it.reached() > 0)
    expect(it.read.filter((name) => name === 'greedy')).toHaveLength(3)
    await it.turns.run(other, it.page('other'))
    it.nowMs += 10_000
    await Promise.all(pages)
    expect(it.read.filter((name) => name === 'greedy')).toHaveLength(4)
    it.turns.close()
  })

  it('refuse a command of an account that would wait for too long, and read nothing for it', async () => {
    const it = world(1)
    const greedy = it.account('greedy')
    greedy.pages.charge(10 * PAGE_BYTES)
    expect(await it.turns.runCommand(greedy, it.page('greedy'))).toBe(false)
    expect(it.read).toEqual([])
    expect(it.reached()).toBe(1)
    expect(await it.turns.runCommand(it.account('other'), it.page('other'))).toBe(true)
  })

  it('refuse commands that wait already when the wait becomes too long, and let subscriptions go on waiting', async () => {
    const it = world(1)
    const greedy = it.account('greedy')
    const goOn = latch<number>()
    const first = it.turns.run(greedy, () => goOn.opened)
    greedy.pages.charge(2 * (PAGE_BYTES + 512))
    const command = it.turns.runCommand(greedy, it.page('command'))
    void it.turns.run(greedy, it.page('subscription'))
    goOn.open(20 * PAGE_BYTES)
    await first
    expect(await command).toBe(false)
    expect(it.read).toEqual([])
    it.turns.close()
  })

  it('refuse a command when many of the account wait for its budget', async () => {
    const it = world(1)
    const greedy = it.account('greedy')
    greedy.pages.charge(2 * (PAGE_BYTES + 512))
    const answers = Array.from({ length: 17 }, () => it.turns.runCommand(greedy, it.page('command')))
    expect(await answers[16]).toBe(false)
    expect(it.read).toEqual([])
    it.turns.close()
  })
})
