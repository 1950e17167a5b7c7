import { describe, expect, it } from 'vitest'
import { type Harness, numbers } from './harness.js'

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)
const decode = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : new TextDecoder().decode(bytes)

export const describeBusAndState = (harness: Harness): void => {
  describe('bus', () => {
    it('tells every subscriber, the sender included, in the order sent', async () => {
      const { bus } = harness.backend
      const heard: string[][] = [[], []]
      for (const list of heard) {
        await harness.retry(() => bus.subscribe('subject', (bytes) => list.push(decode(bytes) ?? '')))
      }
      for (const number of numbers(30)) await harness.retry(() => bus.publish('subject', encode(number)))
      for (const list of heard) await expect.poll(() => list).toEqual(numbers(30))
    })

    it('keeps subjects apart and stops when asked', async () => {
      const { bus } = harness.backend
      const heard: string[] = []
      const watch = await harness.retry(() => bus.subscribe('one', (bytes) => heard.push(decode(bytes) ?? '')))
      await harness.retry(() => bus.publish('two', encode('no')))
      await harness.retry(() => bus.publish('one', encode('yes')))
      await expect.poll(() => heard).toEqual(['yes'])
      watch.stop()
      await harness.retry(() => bus.publish('one', encode('late')))
      expect(heard).toEqual(['yes'])
    })
  })

  describe('state', () => {
    it('gives back what was set until it is deleted', async () => {
      const { state } = harness.backend
      expect(await harness.retry(() => state.get('a'))).toBeUndefined()
      await harness.retry(() => state.set('a', encode('1')))
      await harness.retry(() => state.set('a', encode('2')))
      await harness.retry(() => state.set('empty', new Uint8Array(0)))
      expect(decode(await harness.retry(() => state.get('a')))).toBe('2')
      expect(decode(await harness.retry(() => state.get('empty')))).toBe('')
      await harness.retry(() => state.delete('a'))
      await harness.retry(() => state.delete('a'))
      expect(await harness.retry(() => state.get('a'))).toBeUndefined()
    })

    it('lists by prefix, sorted by key', async () => {
      const { state } = harness.backend
      for (const key of ['b:2', 'b:10', 'a:1', 'b:', 'c', 'b', 'b:é']) {
        await harness.retry(() => state.set(key, encode(`value of ${key}`)))
      }
      const listed = await harness.retry(() => state.list('b:'))
      expect(listed.map(({ key, value }) => [key, decode(value)])).toEqual(
        ['b:', 'b:10', 'b:2', 'b:é'].map((key) => [key, `value of ${key}`]),
      )
      expect(await harness.retry(() => state.list('nothing'))).toEqual([])
    })
  })
}
