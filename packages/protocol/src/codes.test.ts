import { describe, expect, it } from 'vitest'
import { DISCONNECT_CODES, ERROR_CODES, isErrorCode, mayReconnect } from './index.js'

describe('error codes', () => {
  it('are told from other strings', () => {
    for (const code of Object.keys(ERROR_CODES)) expect(isErrorCode(code)).toBe(true)
    for (const other of ['', 'constructor', '__proto__', 'toString', 1, null, undefined]) {
      expect(isErrorCode(other)).toBe(false)
    }
  })
})

describe('mayReconnect', () => {
  it('follows the range of the protocol’s own codes', () => {
    for (const code of Object.keys(DISCONNECT_CODES).map(Number)) expect(mayReconnect(code)).toBe(code <= 4500)
    expect([4000, 4499, 4500, 4501, 4999, 5000].map(mayReconnect)).toEqual([true, true, true, false, false, true])
  })

  it('is true after WebSocket’s own codes, also those for bytes that may have been damaged on the way', () => {
    for (let code = 1000; code < 3000; code++) expect(mayReconnect(code)).toBe(true)
  })
})
