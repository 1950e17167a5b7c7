/**
 * Which core runs what. The server has one to itself and so has the load, where the machine has two and `taskset`.
 */
import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

const SERVER_CORE = '0'
const LOAD_CORE = '1'

export const canPin = availableParallelism() > 1 && spawnSync('taskset', ['--version']).status === 0

/** As many open files as this user may have: thousands of connections need them. */
const MORE_FILES = 'ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -H -n)"; exec "$0" "$@"'

/** @param {readonly string[]} command @returns {readonly [string, ...string[]]} */
export const onAnyCore = (command) => ['sh', '-c', MORE_FILES, ...command]

/** @param {string} core @param {readonly string[]} command */
const on = (core, command) => onAnyCore([...(canPin ? ['taskset', '-c', core] : []), ...command])

/** @param {readonly string[]} command */
export const onServerCore = (command) => on(SERVER_CORE, command)

/** @param {readonly string[]} command */
export const onLoadCore = (command) => on(LOAD_CORE, command)
