import { resolve } from 'node:path'
import { loadConfig } from '../serve/config-file.js'
import { parseEnvironment } from '../serve/setting-values.js'
import { serverKey } from './key-material.js'
import { keyFile, loadTokens, type TokenSettings } from './token-settings.js'

export interface LocalTokenFlags {
  readonly config?: string | undefined
  /** A key's file, in place of the keys of the environment and the configuration. */
  readonly key?: string | undefined
  readonly keyId?: string | undefined
}

/** As a server that is started here would check tokens; undefined: nothing here says how. Rejects with CommandError. */
export const localTokenSettings = async ({
  config,
  key,
  keyId,
}: LocalTokenFlags): Promise<TokenSettings | undefined> => {
  const environment = parseEnvironment(process.env)
  const workingDir = process.cwd()
  const file = await loadConfig(config ?? environment.config, workingDir)
  const sources = { config: file?.config.tokens, configName: file?.name, environment: process.env, workingDir }
  if (key === undefined) return loadTokens({ ...sources, values: [environment] })
  const material = keyFile(resolve(workingDir, key), key, keyId)
  return { options: { ...sources.config, keys: [serverKey(material)] }, keys: [material] }
}
