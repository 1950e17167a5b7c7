/**
 * Runs tests while their processes stand still now and then, as on a machine that is busy with something else, to find
 * those that rely on being quick: `npm run test:stalled -- [ROUNDS] [what vitest run takes]`, 3 rounds if it is not said. A test
 * that fails here and not without is a bug of the product until proven otherwise. Needs Linux.
 */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const ROOT = resolve(import.meta.dirname, '..')
const SHORTEST_MS = 30
const LONGEST_MS = 300
const MAX_PAUSE_MS = 200

const given = process.argv.slice(2)
const hasRounds = /^[1-9]\d*$/.test(given[0] ?? '')
const rounds = hasRounds ? Number(given[0]) : 3
const args = hasRounds ? given.slice(1) : given

if (process.platform !== 'linux') {
  console.error('It finds the processes of the tests in /proc, so it needs Linux.')
  process.exit(1)
}

const interrupted = new AbortController()
// Tests end by themselves then, unless one of their processes stands still.
process.on('SIGINT', () => interrupted.abort())

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
    await sleep(between(SHORTEST_MS, LONGEST_MS))
    tell(chosen, 'SIGCONT')
    await sleep(between(0, MAX_PAUSE_MS))
  }
  return vitest.exitCode === 0
}

let [passed, failed] = [0, 0]
while (passed + failed < rounds && !interrupted.signal.aborted) {
  if (await round()) passed += 1
  else failed += 1
}
console.log(`rounds: ${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
