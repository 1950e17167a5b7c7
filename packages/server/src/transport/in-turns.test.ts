import { setImmediate as endOfTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { inTurns } from './in-turns.js'
import { Turn } from './turn.js'

/** Longer than a turn should be. */
const takeLong = (): void => {
  const untilMs = performance.now() + 3
  while (performance.now() < untilMs);
}

test('makes calls in order, one in a turn when each takes long, and at once again when none waits', async () => {
  const made: number[] = []
  const call = inTurns(new Turn(), (number: number) => {
    made.push(number)
    takeLong()
  })
  for (const number of [1, 2, 3, 4]) call(number)
  expect(made).toEqual([1])
  let most = 0
  for (let before = made.length; made.length < 4; before = made.length) {
    await endOfTurn()
    most = Math.max(most, made.length - before)
  }
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
  let most = 0
  for (let before = made.length; made.length < 4; before = made.length) {
    await endOfTurn()
    most = Math.max(most, made.length - before)
  }
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
