import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Deque } from './deque.js'

describe('deque', () => {
  it('does what an array does', () => {
    const actions = fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 200 })
    fc.assert(
      fc.property(actions, (steps) => {
        const deque = new Deque<number>()
        const array: number[] = []
        let next = 0
        for (const step of steps) {
          // 0 takes one, any other number adds so many.
          if (step === 0) expect(deque.shift()).toBe(array.shift())
          else {
            for (let count = 0; count < step; count += 1) {
              deque.push(next)
              array.push(next)
              next += 1
            }
          }
          expect(deque.length).toBe(array.length)
          expect([deque.at(0), deque.at(array.length - 1), deque.at(array.length), deque.at(-1)]).toEqual([
            array[0],
            array.at(-1),
            undefined,
            undefined,
          ])
        }
        while (array.length > 0) expect(deque.shift()).toBe(array.shift())
        expect(deque.shift()).toBeUndefined()
      }),
    )
  })
})
