import { access, readFile } from 'node:fs/promises'
import { basename, dirname, extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { CommandError, EXIT, sentenceOf, systemCode, usageError } from '../exit.js'
import { type CheckedConfig, checkConfig } from './check-config.js'
import { placeOfError } from './error-place.js'

export interface LoadedConfig {
  /** The file's name, for sentences about it. */
  readonly name: string
  readonly config: CheckedConfig
}

const FOUND_BY_ITSELF = ['tidings.config.ts', 'tidings.config.js', 'tidings.config.mjs', 'tidings.config.json']

/**
 * Reads and checks the configuration: the file at `path`, or the one that the working directory has, or none. Throws
 * CommandError with a sentence that names the file.
 */
export const loadConfig = async (path: string | undefined, workingDir: string): Promise<LoadedConfig | undefined> => {
  const file = path === undefined ? await findConfig(workingDir) : resolve(workingDir, path)
  if (file === undefined) return undefined
  const name = path ?? basename(file)
  return { name, config: checkConfig(await readConfig(file, name), name, dirname(file)) }
}

const findConfig = async (workingDir: string): Promise<string | undefined> => {
  const found: string[] = []
  for (const name of FOUND_BY_ITSELF) {
    const isThere = await access(resolve(workingDir, name)).then(
      () => true,
      () => false,
    )
    if (isThere) found.push(name)
  }
  if (found.length > 1) throw usageError(`Here are ${found.join(' and ')}: say which one with --config.`)
  return found[0] === undefined ? undefined : resolve(workingDir, found[0])
}

const unreadable = (name: string, why: string): CommandError =>
  new CommandError(EXIT.failure, `The configuration ${name} cannot be read: ${why}.`)

const readConfig = async (file: string, name: string): Promise<unknown> => {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    throw unreadable(name, systemCode(error) === 'ENOENT' ? 'there is no such file' : sentenceOf(error))
  }
  try {
    if (extname(file) === '.json') return JSON.parse(text) as unknown
    return defaultExport(await importModule(file), name)
  } catch (error) {
    if (error instanceof CommandError) throw error
    const place = await placeOfError(error, file, text)
    throw unreadable(name, place === undefined ? sentenceOf(error) : `${sentenceOf(error)} (${place})`)
  }
}

const importModule = async (file: string): Promise<unknown> => {
  if (!/\.[cm]?tsx?$/.test(file)) return import(pathToFileURL(file).href)
  // Loaded only here: most servers in production have their configuration as JavaScript or JSON.
  const { createJiti } = await import('jiti')
  return createJiti(pathToFileURL(file).href, { fsCache: false, interopDefault: false }).import(file)
}

const defaultExport = (module: unknown, name: string): unknown => {
  if (typeof module === 'object' && module !== null && 'default' in module) return module.default
  throw usageError(`${name} must export its configuration as default: export default defineConfig({ … }).`)
}
