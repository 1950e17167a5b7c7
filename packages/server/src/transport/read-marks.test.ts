import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ReadMarks } from './read-marks.js'

const PONG = Buffer.from('read')
const KIB = 1024
const MAX_UNREAD_BYTES = 512 * KIB

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

/** A connection whose marks leave at once, and whose time and pongs are the test's. */
const setUp = () => {
  const turn = { startedAtMs: 1000 }
  const marks = new ReadMarks(turn, MAX_UNREAD_BYTES)
  const markIf = (isDue: boolean): boolean => {
    if (isDue) marks.marked()
    if (isDue) isMarked = true
    return isDue
  }
  let isMarked = false
  const pass = (ms: number): void => {
    turn.startedAtMs += ms
    vi.advanceTimersByTime(ms)
  }
  return {
    marks,
    pass,
    isMarked: () => isMarked,
    send: (bytes: number) => markIf(marks.sent(bytes)),
    answer: (afterMs: number): void => {
      pass(afterMs)
      isMarked = false
      markIf(marks.answered(PONG))
    },
    wait: (whom: 'behind' | 'all') => {
      const callback = vi.fn()
      markIf(marks.wait(whom, callback))
      return callback
    },
  }
}

test('the first mark comes after 32 KiB, and later ones after half of what may be unread', () => {
  const { send, answer } = setUp()
  expect(send(32 * KIB - 1)).toBe(false)
  expect(send(1)).toBe(true)
  expect(send(KIB)).toBe(false)
  answer(10)
  expect(send(254 * KIB)).toBe(false)
  expect(send(KIB)).toBe(true)
})

test('a peer that answers quickly wants large frames, and is behind beyond the limit only', () => {
  const { marks, send, answer } = setUp()
  expect([marks.mayReadSlowly, marks.readsSlowly]).toEqual([true, false])
  send(32 * KIB)
  answer(10)
  expect([marks.mayReadSlowly, marks.readsSlowly]).toEqual([false, false])
  send(512 * KIB)
  expect([marks.hasEnough, marks.isBehind]).toEqual([false, false])
  send(1)
  expect([marks.hasEnough, marks.isBehind]).toEqual([true, true])
})

test('a peer that reads 10 KB/s reads slowly and has enough with 64 KiB, until it reads faster', () => {
  const { marks, send, answer } = setUp()
  send(32 * KIB)
  send(32 * KIB)
  answer(3277)
  expect(marks.readsSlowly).toBe(true)
  send(32 * KIB)
  expect([marks.hasEnough, marks.isBehind]).toEqual([false, false])
  send(1)
  expect([marks.hasEnough, marks.isBehind]).toEqual([true, false])
  answer(1000)
  answer(200)
  expect(marks.readsSlowly).toBe(false)
})

test('a peer that stops reading reads slowly before it answers', () => {
  const { marks, send, answer, pass } = setUp()
  send(32 * KIB)
  answer(10)
  send(256 * KIB)
  pass(10_900)
  expect(marks.readsSlowly).toBe(false)
  pass(100)
  expect(marks.readsSlowly).toBe(true)
})

test('a mark after few bytes says nothing of how fast a peer reads', () => {
  const { marks, send, answer, wait } = setUp()
  send(32 * KIB)
  answer(10)
  wait('all')
  send(1)
  answer(1200)
  expect(marks.readsSlowly).toBe(false)
})

test('the answer to the first mark is waited for, and not forever', () => {
  const { marks, send, wait, pass } = setUp()
  expect(marks.isUnproven).toBe(false)
  send(200 * KIB)
  expect([marks.isUnproven, marks.hasEnough]).toEqual([true, false])
  pass(1000)
  const callback = wait('all')
  pass(5499)
  expect([marks.isUnproven, callback.mock.calls.length]).toEqual([true, 0])
  pass(1)
  expect([marks.isUnproven, callback.mock.calls.length]).toEqual([false, 1])
  send(10_000 * KIB)
  expect([marks.hasEnough, marks.isBehind]).toEqual([false, false])
})

test('another pong is not taken for an answer', () => {
  const { marks, send } = setUp()
  send(32 * KIB)
  marks.answered(Buffer.from('other'))
  expect(marks.isUnproven).toBe(true)
})

test('a mark is under way whenever somebody waits, and who waits goes on once the peer has read', () => {
  const step = fc.oneof(
    fc.record({ send: fc.integer({ min: 1, max: 300 * KIB }) }),
    fc.record({ answerAfterMs: fc.integer({ min: 0, max: 20_000 }) }),
    fc.record({ wait: fc.constantFrom('behind', 'all') }),
  )
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const { send, answer, wait, isMarked } = setUp()
      const waiting: ReturnType<typeof wait>[] = []
      for (const each of steps) {
        if ('send' in each) send(each.send)
        else if ('wait' in each) waiting.push(wait(each.wait))
        else if (isMarked()) answer(each.answerAfterMs)
        if (waiting.some(({ mock }) => mock.calls.length === 0)) expect(isMarked()).toBe(true)
      }
      for (let rest = 0; rest < 3 && isMarked(); rest++) answer(1)
      expect(waiting.map(({ mock }) => mock.calls.length)).toEqual(waiting.map(() => 1))
    }),
  )
})
