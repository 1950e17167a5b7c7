import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const MODULE = new URL('../dist/young-generation.js', import.meta.url).href

/** Keeps enough of what it makes for the young generation to grow, and says how many MiB that has. */
const PROGRAM = `
const { boundYoungGeneration } = await import(${JSON.stringify(MODULE)})
if (process.argv.includes('bound')) boundYoungGeneration()
const { getHeapSpaceStatistics } = await import('node:v8')
const kept = []
for (let n = 0; n < 2_000_000; n++) kept[n % 60_000] = { n, list: [n, n + 1] }
console.log(getHeapSpaceStatistics().find((space) => space.space_name === 'new_space').space_size / 2 ** 20)
`

const youngMib = async (flags: readonly string[], ...args: readonly string[]): Promise<number> => {
  const node = [...flags, '--input-type=module', '-e', PROGRAM, '--', ...args]
  const { stdout } = await promisify(execFile)(process.execPath, node, { env: { ...process.env, NODE_OPTIONS: '' } })
  return Number(stdout)
}

test('keeps the young generation from growing, unless it was given flags of its own', async () => {
  const left = await youngMib([])
  expect(await youngMib([], 'bound')).toBeLessThan(left / 2)
  expect(await youngMib(['--max-semi-space-size=16'], 'bound')).toBe(32)
})
