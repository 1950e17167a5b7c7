import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const MODULE = new URL('../dist/heap-growth.js', import.meta.url).href

/** Keeps some 40 MiB of what it makes and lets the rest grow old first. Says how large the young generation and the heap became. */
const PROGRAM = `
const { boundHeapGrowth } = await import(${JSON.stringify(MODULE)})
if (process.argv.includes('bound')) boundHeapGrowth()
const { getHeapSpaceStatistics } = await import('node:v8')
const kept = []
let heap = 0
for (let n = 0; n < 3_000_000; n++) {
  kept[n % 400_000] = { n, list: [n, n + 1] }
  if (n % 50_000 === 0) heap = Math.max(heap, process.memoryUsage().heapUsed)
}
const young = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space').space_size
console.log(JSON.stringify({ young: young / 2 ** 20, heap: heap / 2 ** 20 }))
`

/** In MiB. */
const sizes = async (
  flags: readonly string[],
  ...args: readonly string[]
): Promise<{ young: number; heap: number }> => {
  const node = [...flags, '--input-type=module', '-e', PROGRAM, '--', ...args]
  const { stdout } = await promisify(execFile)(process.execPath, node, { env: { ...process.env, NODE_OPTIONS: '' } })
  return JSON.parse(stdout) as { young: number; heap: number }
}

test('keeps the heap from growing far beyond what lives in it', async () => {
  const left = await sizes([])
  const bound = await sizes([], 'bound')
  expect(bound.young).toBeLessThan(left.young / 2)
  expect(bound.heap).toBeLessThan(left.heap * 0.75)
})

test('leaves flags alone that Node was started with', async () => {
  expect((await sizes(['--max-semi-space-size=16'], 'bound')).young).toBe(32)
  expect((await sizes(['--heap-growing-percent=400'], 'bound')).heap).toBeGreaterThan(150)
})
