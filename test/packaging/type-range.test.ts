import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { installConsumer, installInto, packPackages, temporaryFolder, typeErrors } from './consumer-project.js'

const TYPESCRIPT = ['5.6', '5.7', '5.8', '5.9', '6.0']
const NODE_TYPES = ['20', '22', '24', '25', '26']

/** Both ends of a range; all of it with `npm run test:types`. */
const range = (versions: readonly string[]): readonly string[] =>
  process.env.TYPE_RANGE === 'all'
    ? versions
    : [versions[0], versions.at(-1)].filter((version) => version !== undefined)

let temporary: Awaited<ReturnType<typeof temporaryFolder>>
let consumer: string
const compiler = (version: string): string => join(temporary.path, `typescript-${version}`)

beforeAll(async () => {
  temporary = await temporaryFolder()
  consumer = join(temporary.path, 'consumer')
  await installConsumer(consumer, await packPackages(temporary.path))
  await cp(join(import.meta.dirname, 'consumer'), join(consumer, 'src'), { recursive: true })
  for (const version of range(TYPESCRIPT)) await installInto(compiler(version), [`typescript@~${version}.0`])
}, 600_000)

afterAll(() => temporary.remove())

describe.each(range(NODE_TYPES))('with @types/node %s', (nodeTypes) => {
  beforeAll(() => installInto(consumer, [`@types/node@${nodeTypes}`]), 300_000)

  it.each(range(TYPESCRIPT))('every entry type-checks by TypeScript %s, library files included', async (version) => {
    const tsc = join(compiler(version), 'node_modules/typescript/bin/tsc')
    expect(await typeErrors(consumer, tsc, { module: 'nodenext' })).toBe('')
  })
})
