import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, onTestFinished } from 'vitest'

const FLUSH_DEADLINE_MS = 3000

/** Publishes without an end, 16 at once, and prints each that was acknowledged; ends with 70 when the backend fails. */
const PUBLISHER = `
import { disk } from '@tidings/server/disk'
const backend = disk({ dir: process.argv[1], flushDeadlineMs: ${FLUSH_DEADLINE_MS} })
await backend.open((error) => { console.error(error.message); process.exit(70) })
const channel = { name: 'a', durability: 'disk', history: { maxCount: 100 }, dedupeWindowMs: 60_000 }
let next = 0
const publish = async () => {
  for (;;) {
    const id = String(next++)
    await backend.log.publish(channel, { id, scope: 's', publisher: null, payload: id })
    process.stdout.write(id + '\\n')
  }
}
await Promise.all(Array.from({ length: 16 }, publish))
`

it('goes on after its process was stopped for longer than the disk may take', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'tidings-stopped-'))
  const child = spawn(process.execPath, ['--input-type=module', '-e', PUBLISHER, dir], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exited
    await rm(dir, { recursive: true, force: true })
  })
  let acknowledged = 0
  const lines = createInterface({ input: child.stdout })
  lines.on('line', () => (acknowledged += 1))
  const untilMore = async (count: number): Promise<void> => {
    const wanted = acknowledged + count
    while (acknowledged < wanted) {
      const [what] = (await Promise.race([once(lines, 'line').then(() => ['line']), exited])) as unknown[]
      if (what !== 'line') throw new Error(`the publisher ended with ${String(what)}`)
    }
  }
  for (let round = 0; round < 3; round += 1) {
    await untilMore(100)
    child.kill('SIGSTOP')
    // The stop is the fault; how long it is matters, and nothing can be seen that ends it.
    await sleep(FLUSH_DEADLINE_MS + 1000)
    child.kill('SIGCONT')
  }
  await untilMore(100)
  expect(child.exitCode).toBeNull()
})
