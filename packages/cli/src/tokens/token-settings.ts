import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { TokenOptions } from '@tidings/server'
import type { ConfigTokenKey, ConfigTokens } from '../config.js'
import { CommandError, EXIT, sentenceOf, systemCode, usageError } from '../exit.js'
import type { SettingValues } from '../serve/setting-values.js'
import { type KeyMaterial, readKeyText, readPublicKey, serverKey } from './key-material.js'

/** How tokens are checked, and the keys with what they can do beside that. */
export interface TokenSettings {
  readonly options: TokenOptions
  readonly keys: readonly KeyMaterial[]
}

export interface TokenSources {
  /** Flags and the environment, the one that wins first. */
  readonly values: readonly Pick<SettingValues, 'tokenKey' | 'tokenSecret'>[]
  /** Of the configuration; paths are absolute. */
  readonly config: ConfigTokens | undefined
  /** The configuration's name for sentences about it. */
  readonly configName: string | undefined
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly workingDir: string
}

/** undefined: nothing says how tokens are checked. Throws CommandError with a sentence that names the place of a key. */
export const loadTokens = (sources: TokenSources): TokenSettings | undefined => {
  const { config } = sources
  const keys = givenKeys(sources) ?? config?.keys?.map((key, index) => configKey(key, index, sources))
  if (config === undefined && keys === undefined) return undefined
  const options = { ...config, ...(keys === undefined ? undefined : { keys: keys.map(serverKey) }) } as TokenOptions
  return { options, keys: keys ?? [] }
}

/** A key that a flag or a variable gives takes the place of those of the file. */
const givenKeys = ({ values, workingDir }: TokenSources): readonly KeyMaterial[] | undefined => {
  for (const { tokenKey, tokenSecret } of values) {
    if (tokenKey !== undefined && tokenSecret !== undefined) {
      throw usageError('The token key and the token secret exclude each other: give one of them.')
    }
    if (tokenKey !== undefined) return [keyFile(resolve(workingDir, tokenKey), tokenKey, undefined)]
    if (tokenSecret !== undefined) {
      return [{ id: undefined, key: { kind: 'secret', secret: Buffer.from(tokenSecret) } }]
    }
  }
  return undefined
}

/** Reads the key in a file, which sentences call by `name`. */
export const keyFile = (path: string, name: string, id: string | undefined): KeyMaterial => {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const why = systemCode(error) === 'ENOENT' ? 'there is no such file' : sentenceOf(error)
    throw new CommandError(EXIT.failure, `The key ${name} cannot be read: ${why}.`)
  }
  const read = readKeyText(text)
  if (typeof read === 'string') throw usageError(`The key ${name} ${read}.`)
  return { id: id ?? read.id, key: read.key }
}

const configKey = (given: ConfigTokenKey, index: number, { environment, configName }: TokenSources): KeyMaterial => {
  const fail = (what: string): CommandError => usageError(`${configName}: tokens.keys[${index}]${what}.`)
  const { id } = given
  if ('file' in given) return keyFile(given.file, given.file, id)
  if ('secret' in given) return { id, key: { kind: 'secret', secret: Buffer.from(given.secret) } }
  if ('variable' in given) {
    const text = environment[given.variable]
    if (text === undefined || text === '') throw fail(`.variable: the environment has no ${given.variable}`)
    const read = readKeyText(text)
    if (typeof read === 'string') throw fail(`.variable: ${given.variable} ${read}`)
    return { id: id ?? read.id, key: read.key }
  }
  const read = readPublicKey(given.publicKey)
  if (typeof read === 'string') throw fail(`.publicKey ${read}`)
  return { id: id ?? read.id, key: read.key }
}
