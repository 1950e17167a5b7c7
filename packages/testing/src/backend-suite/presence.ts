import type { Member } from '@tidings/protocol'
import { describe, expect, it } from 'vitest'
import { type Harness, numbers } from './harness.js'

const member = (name: string, data: Member['data'] = null): Member => ({
  member: name,
  user: name,
  data,
  enteredAt: 1_767_225_600_000,
})

const byName = (members: readonly Member[]): Member[] =>
  members.toSorted((a, b) => (a.member < b.member ? -1 : a.member > b.member ? 1 : 0))

export const describePresence = (harness: Harness): void => {
  describe('presence', () => {
    it('lists who was put and not removed', async () => {
      const { presence } = harness.backend
      const { name } = harness.channel()
      expect(await harness.retry(() => presence.members(name))).toEqual([])
      await harness.retry(() => presence.put(name, member('ada')))
      await harness.retry(() => presence.put(name, member('bob')))
      await harness.retry(() => presence.put(name, member('ada', { typing: true })))
      await harness.retry(() => presence.remove(name, 'nobody'))
      expect(byName(await harness.retry(() => presence.members(name)))).toEqual([
        member('ada', { typing: true }),
        member('bob'),
      ])
      await harness.retry(() => presence.remove(name, 'ada'))
      expect(await harness.retry(() => presence.members(name))).toEqual([member('bob')])
    })

    it('tells a watcher of every change, in order', async () => {
      const { presence } = harness.backend
      const { name } = harness.channel()
      const changes: unknown[] = []
      const watch = await harness.retry(() =>
        presence.watch(name, (change, { member: who }) => changes.push(`${change} ${who}`)),
      )
      expect(watch.members).toEqual([])
      await harness.retry(() => presence.put(name, member('ada')))
      await harness.retry(() => presence.put(name, member('ada', 1)))
      await harness.retry(() => presence.put(name, member('bob')))
      await harness.retry(() => presence.remove(name, 'ada'))
      await harness.retry(() => presence.remove(name, 'ada'))
      await expect.poll(() => changes).toEqual(['entered ada', 'updated ada', 'entered bob', 'left ada'])
      watch.stop()
      await harness.retry(() => presence.put(name, member('eve')))
      expect(changes).toHaveLength(4)
    })

    it('joins a watcher’s snapshot with its changes without a hole', async () => {
      const { presence } = harness.backend
      const { name } = harness.channel()
      const writes = (async () => {
        for (const number of numbers(60)) {
          await harness.retry(() => presence.put(name, member(number)))
          if (Number(number) % 3 === 0) await harness.retry(() => presence.remove(name, number))
        }
      })()
      const views = await Promise.all(
        numbers(5).map(async () => {
          const present = new Map<string, Member>()
          const early: (() => void)[] = []
          let joined = false
          const watch = await harness.retry(() =>
            presence.watch(name, (change, changed) => {
              const apply = (): void => {
                if (change === 'left') present.delete(changed.member)
                else present.set(changed.member, changed)
              }
              if (joined) apply()
              else early.push(apply)
            }),
          )
          for (const one of watch.members) present.set(one.member, one)
          for (const apply of early) apply()
          joined = true
          return present
        }),
      )
      await writes
      const expected = byName(await harness.retry(() => presence.members(name)))
      expect(expected).toHaveLength(40)
      for (const view of views) await expect.poll(() => byName([...view.values()])).toEqual(expected)
    })
  })
}
