/**
 * Runs tests while their processes stand still now and then, as on a machine that is busy with something else, to find
 * those that rely on being quick: `npm run test:stalled -- [--rounds 3] [--longest-ms 300] [what vitest run takes]`. Needs
 * Linux. A test that fails here and not without is a bug of the product until proven otherwise.
 */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const ROOT = resolve(import.meta.dirname, '..')
const SHORTEST_MS = 30
const MAX_PAUSE_MS = 200

/** Takes an option with a number out of what is left for vitest. */
const [args, takeNumber] = (() => {
  const left = process.argv.slice(2)
  /** @type {(name: string, fallback: number) => number} */
  const take = (name, fallback) => {
    const at = left.indexOf(name)
    if (at < 0) return fallback
    const value = Number(left.splice(at, 2)[1])
    if (Number.isInteger(value) && value > 0) return value
    console.error(`${name} takes a whole number above 0.`)
    process.exit(2)
  }
  return /** @type {const} */ ([left, take])
})()
const rounds = takeNumber('--rounds', 3)
const longestMs = Math.max(SHORTEST_MS, takeNumber('--longest-ms', 300))

/** @param {number} min @param {number} max */
const between = (min, max) => min + Math.random() * (max - min)

/** A process and all that it started and that no test has stopped, as they are now. @param {number} root @returns {readonly number[]} */
const familyOf = (root) => {
  /** @type {Map<number, number[]>} */
  const children = new Map()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      // After the name in brackets, which may hold anything: state, parent.
      const [, state, parent] = /\) (\S+) (\d+)/.exec(readFileSync(`/proc/${name}/stat`, 'utf8')) ?? []
      if (state !== 'T') children.set(Number(parent), [...(children.get(Number(parent)) ?? []), Number(name)])
    } catch {
      // It ended meanwhile.
    }
  }
  const family = [root]
  for (const member of family) family.push(...(children.get(member) ?? []))
  return family
}

/** @param {number} id @param {NodeJS.Signals} signal */
const tell = (id, signal) => {
  try {
    process.kill(id, signal)
  } catch {
    // It ended meanwhile.
  }
}

/** @returns {Promise<boolean>} whether all tests passed */
const round = async () => {
  const vitest = spawn(process.execPath, [resolve(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', ...args], {
    cwd: ROOT,
    stdio: 'inherit',
  })
  const { pid = 0 } = vitest
  while (vitest.exitCode === null && vitest.signalCode === null) {
    const family = familyOf(pid)
    const chosen = family[Math.floor(Math.random() * family.length)] ?? pid
    tell(chosen, 'SIGSTOP')
    await sleep(between(SHORTEST_MS, longestMs))
    tell(chosen, 'SIGCONT')
    await sleep(between(0, MAX_PAUSE_MS))
  }
  return vitest.exitCode === 0
}

let failed = 0
for (let count = 1; count <= rounds; count += 1) {
  if (await round()) continue
  failed += 1
  console.log(`Round ${count} failed.`)
}
console.log(`rounds: ${rounds - failed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
