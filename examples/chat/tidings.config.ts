import { defineConfig } from 'tidings'
import { chat } from './contract.js'

export default defineConfig({
  contract: chat,
  pages: [{ title: 'Chat room', path: '/', dir: './dist' }],
})
