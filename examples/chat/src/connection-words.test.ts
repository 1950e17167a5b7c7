import { describe, expect, it } from 'vitest'
import { connectionAnnouncement, connectionOf, connectionWords } from './connection-words.js'

describe('the connection', () => {
  it('is told in words, with the seconds that are left', () => {
    const reason = { code: 'connection-lost', message: '' }
    const waiting = connectionOf({ state: 'waiting', retryInMs: 2500, reason }, 1000)
    expect(connectionWords(waiting, 1000)).toBe('Reconnecting in 3 s')
    expect(connectionWords(waiting, 3500)).toBe('Reconnecting…')
    expect(connectionAnnouncement(waiting, true)).toBe('Connection lost. Reconnecting.')
    expect(connectionAnnouncement(waiting, false)).toBe('Connecting')
    expect(connectionWords(connectionOf({ state: 'connected' }, 0), 0)).toBe('Connected')
    const offline = connectionOf({ state: 'waiting', reason: { code: 'offline', message: '' } }, 0)
    expect(connectionWords(offline, 0)).toBe('You are offline')
  })

  it('says why it ended for good', () => {
    const refused = connectionOf({ state: 'closed', reason: { code: 'unauthorized', message: 'bad name' } }, 0)
    expect(connectionAnnouncement(refused, false)).toMatch(/did not accept this name \(bad name\)/)
  })
})
