export { type Config, defineConfig, type PageConfig, type PlainContract } from './config.js'
