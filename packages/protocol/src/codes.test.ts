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
    for (const code of Object.keys(DISCONNECT_CODES).map(Number)) expect(mayReconnect(code)).toBe(code < 4500)
    expect([4000, 4499, 4500, 4999, 5000].map(mayReconnect)).toEqual([true, true, false, false, true])
  })

  it('is true after losses, and false after frames that would be refused again', () => {
    for (const code of [1000, 1001, 1005, 1006, 1011, 1012, 1013]) expect(mayReconnect(code)).toBe(true)
    for (const code of [1002, 1003, 1007, 1009, 1010]) expect(mayReconnect(code)).toBe(false)
  })
})
