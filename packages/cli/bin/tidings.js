#!/usr/bin/env node
const [major, minor] = process.versions.node.split('.').map(Number)

if (major < 20 || (major === 20 && minor < 20)) {
  console.error(`tidings: this is Node ${process.versions.node}, and Tidings needs Node 20.20 or newer.`)
  process.exitCode = 1
} else {
  import('../dist/main.js').then(({ main }) => main(process.argv))
}
