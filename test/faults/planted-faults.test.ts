import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const SCRIPT = resolve(import.meta.dirname, '../../scripts/planted-faults.mjs')

describe('the faults that show that the harness can fail', () => {
  it('can each be planted in the server as it is built', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT, '--check'])
    expect(stdout).toMatch(/^\d+ faults can be planted\n$/)
  })
})
