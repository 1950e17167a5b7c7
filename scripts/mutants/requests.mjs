import { fork } from 'node:child_process'
import { join } from 'node:path'

/**
 * Which tests run which functions of the sources. Paths are from the root of the repository.
 * @typedef {{ readonly kind: 'trace', readonly sources: readonly string[], readonly tests: readonly string[] }} Trace
 */
/**
 * @typedef {object} Traced
 * @property {readonly string[]} failed tests that fail without any change
 * @property {readonly { readonly test: string, readonly ms: number, readonly longestMs: number }[]} tests
 * @property {readonly { readonly test: string, readonly places: readonly string[] }[]} hits
 */
/**
 * Whether one of the tests fails with the mutant. `tests` are absolute, and run in this order.
 * @typedef {object} Try
 * @property {'try'} kind
 * @property {string} file
 * @property {import('./mutants-of.mjs').Mutant} mutant
 * @property {readonly string[]} tests
 * @property {number} testTimeoutMs
 */
/** @typedef {{ readonly isKilled: boolean }} Tried */
/** @typedef {Trace | Try} Request */

/** The process that runs tests; replaced by another one when it takes too long. */
export class Host {
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #child

  /** @param {Trace} request @returns {Promise<Traced>} */
  async trace(request) {
    const traced = /** @type {Traced | undefined} */ (await this.#ask(request, Infinity))
    if (traced === undefined) throw new Error('the process that runs tests has ended')
    return traced
  }

  /** undefined: it took longer, or the process ended, as of a mutant that never ends or fills the memory. @param {Try} request @param {number} deadlineMs @returns {Promise<Tried | undefined>} */
  async try(request, deadlineMs) {
    return /** @type {Tried | undefined} */ (await this.#ask(request, deadlineMs))
  }

  /** Ends its process with all that it started. */
  stop() {
    const pid = this.#child?.pid
    this.#child = undefined
    try {
      if (pid !== undefined) process.kill(-pid, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }

  /** @param {Request} request @param {number} deadlineMs */
  async #ask(request, deadlineMs) {
    this.#child ??= fork(join(import.meta.dirname, 'host.mjs'), {
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    const child = this.#child
    /** @type {NodeJS.Timeout | undefined} */
    let timer
    /** @type {{ readonly answer?: unknown, readonly error?: string } | undefined} */
    const reply = await new Promise((resolve) => {
      child.once('message', resolve)
      child.once('exit', () => resolve(undefined))
      if (deadlineMs < Infinity) timer = setTimeout(resolve, deadlineMs, undefined)
      child.send(request)
    })
    clearTimeout(timer)
    child.removeAllListeners('message').removeAllListeners('exit')
    if (reply?.error !== undefined) throw new Error(reply.error)
    if (reply === undefined) this.stop()
    return reply?.answer
  }
}
