import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { TYPING_MS, Typists, typingWords } from './typists.js'

describe('typists', () => {
  beforeEach(() => vi.useFakeTimers())
  afterEach(() => vi.useRealTimers())

  it('stop by themselves unless they go on', () => {
    const changed = vi.fn()
    const typists = new Typists(changed)
    typists.started('ann')
    typists.started('bob')
    vi.advanceTimersByTime(TYPING_MS - 1)
    typists.started('bob')
    vi.advanceTimersByTime(1)
    expect(typists.names).toEqual(['bob'])
    typists.stopped('bob')
    changed.mockClear()
    typists.stopped('bob')
    vi.advanceTimersByTime(TYPING_MS)
    expect(changed).not.toHaveBeenCalled()
  })

  it('are named up to three', () => {
    expect(typingWords([])).toBe('')
    expect(typingWords(['ann'])).toBe('ann is typing')
    expect(typingWords(['ann', 'bob'])).toBe('ann and bob are typing')
    expect(typingWords(['ann', 'bob', 'cy'])).toBe('ann, bob and cy are typing')
    expect(typingWords(['ann', 'bob', 'cy', 'di'])).toBe('Several people are typing')
  })
})
