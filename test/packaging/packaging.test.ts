import { existsSync } from 'node:fs'
import { cp, readdir, rename, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  installConsumer,
  packPackages,
  readmeCode,
  ROOT,
  runIn,
  type Tarball,
  temporaryFolder,
  typeErrors,
} from './consumer-project.js'

const NAMES = (await readdir(join(ROOT, 'packages'))).map((folder) =>
  folder === 'cli' ? 'tidings' : `@tidings/${folder}`,
)
const ATTW = resolve(ROOT, 'node_modules/@arethetypeswrong/cli/dist/index.js')
const TSC = resolve(ROOT, 'node_modules/typescript/bin/tsc')

let temporary: Awaited<ReturnType<typeof temporaryFolder>>
let tarballs: readonly Tarball[]
let consumer: string

const tarball = (name: string): Tarball => {
  const found = tarballs.find((each) => each.name === name)
  if (found === undefined) throw new Error(`${name} was not packed`)
  return found
}

/** Runs JavaScript in the consumer's project; resolves to what it prints. */
const runScript = (code: string, kind: 'module' | 'commonjs' = 'module'): Promise<string> =>
  runIn(consumer, process.execPath, [`--input-type=${kind}`, '--eval', code])

beforeAll(async () => {
  temporary = await temporaryFolder()
  tarballs = await packPackages(temporary.path)
  consumer = join(temporary.path, 'consumer')
  await installConsumer(consumer, tarballs)
}, 300_000)

afterAll(() => temporary.remove())

describe.each(NAMES)('the package %s', (name) => {
  it('holds what was built, a README and the licence, and no tests', () => {
    const { files } = tarball(name)
    const folders = name === 'tidings' ? /^(dist|bin)\// : /^dist\//
    expect(files.filter((file) => !folders.test(file)).sort()).toEqual(['LICENSE', 'README.md', 'package.json'])
    expect(files.filter((file) => /\.(test|fixture)\.|tsbuildinfo/.test(file))).toEqual([])
    expect(files.filter((file) => folders.test(file) && !/\.(js|d\.ts|js\.map)$/.test(file))).toEqual([])
  })

  it('holds nothing whose source is gone', () => {
    const built = tarball(name).files.filter((file) => /^dist\/.*\.js$/.test(file))
    const folder = join(ROOT, 'packages', name === 'tidings' ? 'cli' : name.replace('@tidings/', ''))
    expect(
      built.filter((file) => !existsSync(join(folder, file.replace('dist', 'src').replace(/\.js$/, '.ts')))),
    ).toEqual([])
  })

  it('is clean by publint', async () => {
    const pkgDir = join(consumer, 'node_modules', name)
    const { messages, pkg } = await publint({ pkgDir, pack: false, strict: true })
    expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([])
  })

  it('has types that resolve as its modules do', async () => {
    const output = await runIn(ROOT, process.execPath, [
      ATTW,
      tarball(name).path,
      '--profile',
      'esm-only',
      '--no-color',
    ])
    expect(output).toContain(`${name} v${tarball(name).version}`)
  })

  it('can be imported, and required from CommonJS', async () => {
    const load = `.then((all) => console.log(typeof all))`
    expect(await runScript(`import(${JSON.stringify(name)})${load}`)).toBe('object\n')
    expect(await runScript(`console.log(typeof require(${JSON.stringify(name)}))`, 'commonjs')).toBe('object\n')
  })
})

describe('a project that uses the packages', () => {
  const resolutions = { node16: { module: 'node16' }, bundler: { module: 'esnext', moduleResolution: 'bundler' } }

  beforeAll(async () => {
    await cp(join(import.meta.dirname, 'consumer'), join(consumer, 'src'), { recursive: true })
    for (const name of NAMES) {
      const code = await readmeCode(join(consumer, 'node_modules', name))
      const file = join(consumer, 'src', `readme-${name.replace(/\W/g, '-')}.ts`)
      if (code !== undefined) await writeFile(file, `${code}\nexport {}\n`)
    }
  })

  it.each(Object.entries(resolutions))(
    'type-checks under moduleResolution %s, library files included',
    async (_name, options) => {
      expect(await typeErrors(consumer, TSC, options)).toBe('')
    },
  )

  it('runs the command line', async () => {
    expect((await runIn(consumer, 'npx', ['--no-install', 'tidings', '--version'])).trim()).toContain(
      tarball('tidings').version,
    )
  })
})

describe('the server', () => {
  it('needs lmdb only for the disk backend', async () => {
    const modules = join(consumer, 'node_modules')
    await rename(join(modules, 'lmdb'), join(modules, '.lmdb-away'))
    try {
      const load = (specifier: string) => runScript(`await import('${specifier}'); console.log('loaded')`)
      expect(await load('@tidings/server')).toBe('loaded\n')
      expect(await load('@tidings/server/memory')).toBe('loaded\n')
      const dir = JSON.stringify(join(temporary.path, 'data'))
      const open = `import { disk } from '@tidings/server/disk'; await disk({ dir: ${dir} }).open(() => {})`
      await expect(runScript(open)).rejects.toThrow(/Cannot find (package|module) 'lmdb'/)
    } finally {
      await rename(join(modules, '.lmdb-away'), join(modules, 'lmdb'))
    }
  })
})
