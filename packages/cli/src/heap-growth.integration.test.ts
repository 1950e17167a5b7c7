import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'

const MODULE = new URL('../dist/heap-growth.js', import.meta.url).href

/** Keeps some 50 MiB of what it makes and lets the rest grow old first. Says how large the young generation and the heap became. */
const PROGRAM = `
const { boundHeapGrowth } = await import(${JSON.stringify(MODULE)})
if (process.argv.includes('bound')) boundHeapGrowth()
const { getHeapSpaceStatistics } = await import('node:v8')
const { setImmediate: endOfTurn } = await import('node:timers/promises')
const kept = []
let heap = 0
for (let n = 0; n < 8_000_000; n++) {
  kept[n % 400_000] = { n, list: [n, n + 1] }
  if (n % 50_000 === 0) heap = Math.max(heap, process.memoryUsage().heapUsed)
  if (n % 2_000 === 0) await endOfTurn()
}
const young = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space').space_size
console.log(JSON.stringify({ young: young / 2 ** 20, heap: heap / 2 ** 20 }))
`

/** In MiB. */
interface Sizes {
  readonly young: number
  readonly heap: number
}

const sizes = async (flags: readonly string[], ...args: readonly string[]): Promise<Sizes> => {
  const node = [...flags, '--input-type=module', '-e', PROGRAM, '--', ...args]
  const { stdout } = await promisify(execFile)(process.execPath, node, { env: { ...process.env, NODE_OPTIONS: '' } })
  return JSON.parse(stdout) as Sizes
}

let bound: Sizes

beforeAll(async () => {
  bound = await sizes([], 'bound')
})

test('lets the young generation grow to some MiB, and the old one to three times what lives in it', async () => {
  const left = await sizes(['--heap-growing-percent=400'])
  expect(left.young).toBe(32)
  expect(bound.young).toBe(8)
  expect(bound.heap).toBeLessThan(left.heap * 0.8)
})

test('leaves flags alone that Node was started with', async () => {
  expect((await sizes(['--max-semi-space-size=16'], 'bound')).young).toBe(32)
  expect((await sizes(['--heap-growing-percent=400'], 'bound')).heap).toBeGreaterThan(bound.heap * 1.2)
})
