import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

/** Of a file, in the 512 bytes that POSIX counts in. Message texts of LMDB get longer with the numbers in them. */
const LIMIT_BLOCKS = 65_536
const ROUNDS = 300

/**
 * Publishes batches of large payloads until the file may not grow any more, goes on for so many refusals, and prints how
 * many were refused, with which codes, and what can be read at the end.
 */
const PUBLISHER = `
import { disk } from '@tidings/server/disk'
const [dir, rounds] = process.argv.slice(1)
const backend = disk({ dir })
await backend.open((error) => { console.log(error.message); process.exit(1) })
const channel = { name: 'chat:lobby', durability: 'disk', history: { maxCount: 1_000_000 }, dedupeWindowMs: 600_000 }
const payload = 'x'.repeat(60_000)
let [stored, refused, id] = [0, 0, 0]
const codes = new Set()
const publish = async (payload) => {
  try {
    await backend.log.publish(channel, { id: String(id++), scope: 's', publisher: null, payload })
    stored += 1
  } catch ({ code }) {
    refused += 1
    codes.add(code)
  }
}
while (refused < rounds) await Promise.all(Array.from({ length: 1 + (id % 7) }, () => publish(payload)))
const page = await backend.log.read(channel, { direction: 'backward', limit: 1000, maxBytes: 1e9 })
console.log(JSON.stringify({ refused, codes: [...codes], complete: page.publications.length === Math.min(stored, 1000) }))
await backend.close()
`

let dir = ''

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tidings-room-'))
})

afterEach(async () => {
  await rm(dir, { recursive: true, force: true })
})

/** Runs a program whose files may not get larger: the system refuses what goes beyond, as it does on a full disk. */
const runLimited = async (args: readonly string[]): Promise<{ exit: unknown; output: string }> => {
  const script = `trap '' XFSZ; ulimit -f ${LIMIT_BLOCKS}; exec "$@"`
  const child = spawn('sh', ['-c', script, 'sh', process.execPath, ...args], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { exit: child.exitCode ?? child.signalCode, output: output + errors }
}

describe('a data file that may not grow', () => {
  it('refuses what does not fit, again and again, and goes on', async () => {
    const { exit, output } = await runLimited(['--input-type=module', '-e', PUBLISHER, dir, String(ROUNDS)])
    expect(output).toMatch(/^\{"refused":3\d\d,"codes":\["storage-full"\],"complete":true\}\n$/)
    expect(exit).toBe(0)
  })
})
