import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

export const ROOT = resolve(import.meta.dirname, '../..')
const run = promisify(execFile)

/** One packed package. */
export interface Tarball {
  readonly name: string
  readonly version: string
  /** Absolute. */
  readonly path: string
  /** The files in it, relative to the package. */
  readonly files: readonly string[]
}

interface PackReport {
  readonly name: string
  readonly version: string
  readonly filename: string
  readonly files: readonly { readonly path: string }[]
}

interface Manifest {
  readonly name: string
  readonly private?: boolean
  readonly devDependencies?: Readonly<Record<string, string>>
}

/** What `npm run` tells its children about the project it runs in would make npm work there in place of `folder`. */
const outsideOfNpmRun = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) =>
        !/^npm_(package_|lifecycle_|config_(local_prefix|prefix|workspaces?$|include_workspace_root))/.test(name),
    ),
  )

/** Runs a command in a folder; resolves to its standard output. Rejects with both outputs when it fails. */
export const runIn = async (folder: string, command: string, options: readonly string[]): Promise<string> => {
  try {
    const { stdout } = await run(command, options, { cwd: folder, env: outsideOfNpmRun(), maxBuffer: 2 ** 26 })
    return stdout
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`${command} ${options.join(' ')}\n${stdout}\n${stderr}`, { cause: error })
  }
}

const readManifest = async (folder: string): Promise<Manifest> =>
  JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest

/** Packs every package that is not private into `folder`. */
export const packPackages = async (folder: string): Promise<readonly Tarball[]> => {
  const names = await readdir(join(ROOT, 'packages'))
  const manifests = await Promise.all(names.map((name) => readManifest(join(ROOT, 'packages', name))))
  const workspaces = manifests.filter((manifest) => manifest.private !== true).map(({ name }) => `--workspace=${name}`)
  const output = await runIn(ROOT, 'npm', ['pack', '--json', `--pack-destination=${folder}`, ...workspaces])
  return (JSON.parse(output) as readonly PackReport[]).map(({ name, version, filename, files }) => ({
    name,
    version,
    path: join(folder, filename),
    files: files.map(({ path }) => path),
  }))
}

/** Installs packages of the registry, or tarballs, into a project, and makes one of the folder if it is none yet. */
export const installInto = async (folder: string, specifiers: readonly string[]): Promise<void> => {
  await mkdir(folder, { recursive: true })
  const manifest = join(folder, 'package.json')
  if (!existsSync(manifest)) {
    await writeFile(manifest, JSON.stringify({ name: 'consumer', private: true, type: 'module' }))
  }
  const quietly = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error']
  await runIn(folder, 'npm', ['install', ...quietly, ...specifiers])
}

/** An empty project into which the tarballs are installed, as a user would, with what its own code needs. */
export const installConsumer = async (folder: string, tarballs: readonly Tarball[]): Promise<void> => {
  const { devDependencies = {} } = await readManifest(ROOT)
  const own = ['@types/node', '@types/ws', 'ws', 'zod'].map((name) => `${name}@${devDependencies[name] ?? 'latest'}`)
  await installInto(folder, [...tarballs.map(({ path }) => path), ...own])
}

/** Type-checks the folder `src` of a project, library files included; resolves to what the compiler says. */
export const typeErrors = async (
  folder: string,
  compiler: string,
  options: Readonly<Record<string, string>>,
): Promise<string> => {
  const compilerOptions = {
    ...options,
    target: 'es2022',
    lib: ['es2023', 'dom', 'dom.iterable', 'dom.asynciterable'],
    strict: true,
    skipLibCheck: false,
    noEmit: true,
    types: ['node'],
  }
  const file = join(folder, 'tsconfig.json')
  await writeFile(file, JSON.stringify({ compilerOptions, include: ['src'] }))
  return runIn(folder, process.execPath, [compiler, '--project', file, '--pretty', 'false'])
}

/** A folder that is gone at the end. */
export const temporaryFolder = async (): Promise<{ readonly path: string; remove(): Promise<void> }> => {
  const path = await mkdtemp(join(tmpdir(), 'tidings-packaging-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

/** The TypeScript in a package's README. */
export const readmeCode = async (folder: string): Promise<string | undefined> => {
  const readme = await readFile(join(folder, 'README.md'), 'utf8')
  return /```ts\n([\s\S]*?)```/.exec(readme)?.[1]
}
