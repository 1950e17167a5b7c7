import { describe, expect, it } from 'vitest'
import { newLinesWords, titleWords, Unread } from './unread.js'

describe('unread lines', () => {
  it('are those that come while nobody looks', () => {
    const unread = new Unread()
    unread.arrived()
    expect(unread.count).toBe(0)
    unread.look({ isVisible: false })
    unread.arrived()
    unread.look({ isAtEnd: false, isVisible: true })
    unread.arrived()
    expect(unread.count).toBe(2)
    expect(unread.look({ isAtEnd: true })).toBe(true)
    expect(unread.count).toBe(0)
    expect(unread.look({ isAtEnd: true })).toBe(false)
  })

  it('are counted in the title', () => {
    expect(titleWords('lobby', 0)).toBe('#lobby · Tidings chat')
    expect(titleWords('lobby', 3)).toBe('(3) #lobby · Tidings chat')
    expect(titleWords('lobby', 1000)).toBe('(999+) #lobby · Tidings chat')
    expect([1, 2].map(newLinesWords)).toEqual(['1 new line', '2 new lines'])
  })
})
