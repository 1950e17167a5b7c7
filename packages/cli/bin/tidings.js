#!/usr/bin/env node
import { existsSync } from 'node:fs'

const [major, minor] = process.versions.node.split('.').map(Number)
const program = new URL('../dist/main.js', import.meta.url)

if (major < 20 || (major === 20 && minor < 20)) {
  console.error(`tidings: this is Node ${process.versions.node}, and Tidings needs Node 20.20 or newer.`)
  process.exitCode = 1
} else if (!existsSync(program)) {
  console.error('tidings: it is not built yet: run `npm run build` (or `npm start`) in its folder first.')
  process.exitCode = 1
} else {
  // While little is loaded yet: it does not shrink again.
  const { boundHeapGrowth } = await import('../dist/heap-growth.js')
  boundHeapGrowth()
  const { main } = await import(program.href)
  main(process.argv)
}
