import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { DISCONNECT_CODES, ERROR_CODES } from '@tidings/protocol'
import { describe, expect, it } from 'vitest'

const specification = readFileSync(resolve(import.meta.dirname, '../docs/protocol.md'), 'utf8')
const rows = specification.split('\n').filter((line) => line.startsWith('| '))

describe('docs/protocol.md', () => {
  it('lists each error code with its meaning and whether it is retryable', () => {
    for (const [code, { retryable, meaning }] of Object.entries(ERROR_CODES)) {
      expect(rows).toContain(`| \`${code}\` | ${retryable ? 'yes' : 'no'} | ${meaning} |`)
    }
  })

  it('lists each close code with its reason', () => {
    for (const [code, reason] of Object.entries(DISCONNECT_CODES)) {
      expect(rows.some((row) => row.startsWith(`| ${code} | \`${reason}\` |`))).toBe(true)
    }
  })
})
