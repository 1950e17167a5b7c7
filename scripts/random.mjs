/**
 * Numbers from 0 up to, not including, 1: the same seed gives the same sequence (mulberry32).
 * @param {number} seed an integer
 * @returns {() => number}
 */
export const randomFrom = (seed) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/**
 * @template T
 * @param {() => number} random
 * @param {readonly [T, ...T[]]} choices
 * @returns {T}
 */
export const pick = (random, choices) => choices[Math.floor(random() * choices.length)] ?? choices[0]
