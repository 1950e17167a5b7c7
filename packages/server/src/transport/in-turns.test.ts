import { setImmediate as endOfTurn } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { inTurns } from './in-turns.js'
import { Turn } from './turn.js'

let nowMs = 0

beforeEach(() => {
  nowMs = 0
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs)
})

afterEach(() => vi.restoreAllMocks())

/** Longer than a turn should be. */
const takeLong = (): void => {
  nowMs += 3
}

/** Waits for so many calls, and gives the most that one turn made of those not made yet. */
const mostInOneTurn = async (made: readonly number[], count: number): Promise<number> => {
  let most = 0
  for (let before = made.length; made.length < count; before = made.length) {
    await endOfTurn()
    most = Math.max(most, made.length - before)
  }
  return most
}

test('makes calls in order, one in a turn when each takes long, and at once again when none waits', async () => {
  const made: number[] = []
  const call = inTurns(new Turn(), (number: number) => {
    made.push(number)
    takeLong()
  })
  for (const number of [1, 2, 3, 4]) call(number)
  expect(made).toEqual([1])
  const most = await mostInOneTurn(made, 4)
  expect(made).toEqual([1, 2, 3, 4])
  expect(most).toBe(1)
  await endOfTurn()
  call(5)
  expect(made).toEqual([1, 2, 3, 4, 5])
})

test('counts what a call leaves to the next tick to its turn', async () => {
  const made: number[] = []
  const call = inTurns(new Turn(), (number: number) => {
    made.push(number)
    if (number === 1) takeLong()
    else process.nextTick(takeLong)
  })
  for (const number of [1, 2, 3, 4]) call(number)
  const most = await mostInOneTurn(made, 4)
  expect(made).toEqual([1, 2, 3, 4])
  expect(most).toBe(1)
})

test('goes on with the others when one call asks for another', async () => {
  const made: number[] = []
  const call = inTurns(new Turn(), (number: number): void => {
    made.push(number)
    if (number < 3) call(number + 10)
    takeLong()
  })
  for (const number of [1, 2, 3]) call(number)
  for (let turns = 0; turns < 20 && made.length < 5; turns += 1) await endOfTurn()
  expect(made).toEqual([1, 11, 2, 3, 12])
})
