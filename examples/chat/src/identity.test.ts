import { describe, expect, it } from 'vitest'
import {
  cleanName,
  cleanRoom,
  hashOf,
  hueOf,
  initialOf,
  nameProblem,
  roomOf,
  storedName,
  storeName,
} from './identity.js'

describe('names', () => {
  it('are cleaned of outer and repeated spaces', () => {
    expect(cleanName('  ann\t of  Kent ')).toBe('ann of Kent')
    expect(nameProblem(cleanName('ann of Kent'))).toBeUndefined()
  })

  it('are refused as the server would refuse them', () => {
    for (const name of ['', 'x'.repeat(65), 'a\u200bb', 'a\u202eb', '\ud800'])
      expect(nameProblem(name)).toMatch(/Please/)
    for (const name of ['x'.repeat(64), 'Ü', '漢字', '][Ada2][']) expect(nameProblem(name)).toBeUndefined()
  })

  it('are remembered where that is possible, and checked when they are read', () => {
    const memory = new Map<string, string>()
    const storage = () => ({
      getItem: (key: string) => memory.get(key) ?? null,
      setItem: (key: string, value: string) => void memory.set(key, value),
    })
    expect(storedName(storage)).toBeUndefined()
    storeName(storage, 'ann')
    expect(storedName(storage)).toBe('ann')
    for (const key of memory.keys()) memory.set(key, '\u0000')
    expect(storedName(storage)).toBeUndefined()
    const forbidden = (): never => {
      throw new Error('forbidden')
    }
    expect(storedName(forbidden)).toBeUndefined()
    expect(() => storeName(forbidden, 'ann')).not.toThrow()
  })

  it('have a colour and an initial', () => {
    expect(hueOf('ann')).toBe(hueOf('ann'))
    for (const name of ['', 'ann', '😀', '漢字']) expect(hueOf(name)).toBeGreaterThanOrEqual(0)
    expect(['ann', '][Ada2][', '😀', 'éva', ''].map(initialOf)).toEqual(['A', 'A', '😀', 'É', '?'])
  })
})

describe('rooms', () => {
  it('come from the hash, else from the query, else are the lobby', () => {
    expect(roomOf({ hash: '#green', search: '?room=blue' })).toBe('green')
    expect(roomOf({ hash: '', search: '?room=blue' })).toBe('blue')
    expect(roomOf({ hash: '', search: '' })).toBe('lobby')
    expect(roomOf({ hash: hashOf('größe'), search: '' })).toBe('größe')
    expect(roomOf({ hash: '#%', search: '' })).toBe('%')
  })

  it('become a segment of a channel name whatever is typed', () => {
    expect(cleanRoom('my  room')).toBe('my-room')
    expect(cleanRoom('a:b{c}*>')).toBe('a-b-c')
    expect(cleanRoom(' : ')).toBe('lobby')
    expect(cleanRoom('x'.repeat(100))).toHaveLength(48)
    expect(cleanRoom(`${'x'.repeat(47)}😀`).isWellFormed()).toBe(true)
  })
})
