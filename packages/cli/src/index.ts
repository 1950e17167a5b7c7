export {
  type Config,
  type ConfigTokenKey,
  type ConfigTokens,
  defineConfig,
  type PageConfig,
  type PlainContract,
} from './config.js'
