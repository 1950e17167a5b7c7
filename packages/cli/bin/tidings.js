#!/usr/bin/env node
import { existsSync } from 'node:fs'

const [major, minor] = process.versions.node.split('.').map(Number)
/** Loaded one after the other, because Node opens all files of one import at the same time. */
const PARTS = ['jose', 'ws', '@tidings/protocol', '@tidings/contract', '@tidings/server', 'zod/v4/core', 'zod']
/** Loading takes less than half of them. */
const FILES_TO_LOAD = 256
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
  const { main } = await load()
  main(process.argv)
}

async function load() {
  try {
    for (const part of PARTS) await import(part)
    return await import(program.href)
  } catch (error) {
    const files = Number(process.report.getReport().userLimits?.open_files.soft)
    if (!(files < FILES_TO_LOAD)) throw error
    console.error(
      `tidings: it cannot be loaded while it may open ${files} files only: raise the limit (ulimit -n) to ${FILES_TO_LOAD} or more.`,
    )
    process.exit(1)
  }
}
