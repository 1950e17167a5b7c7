/** Many clients of the SDK in a process of their own: see ../clients/crowd.mjs. */
import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { onLoadCore } from './cores.mjs'
import { LoadError } from './load.mjs'
import { BENCH } from './paths.mjs'

const DEADLINE_MS = 120_000

/**
 * @typedef {{ readonly kind: 'live' }
 *   | { readonly kind: 'back', readonly lastLiveMs: number, readonly failedAtMs: readonly number[] }
 *   | { readonly kind: 'complete', readonly surplus: number }} CrowdLine
 */

/**
 * @typedef {object} CrowdOptions
 * @property {number} port
 * @property {number} clients
 * @property {string} channel
 * @property {number} publications that each must have got in the end, no more and no gap
 */

export class Crowd {
  #child
  #lines

  /** @param {CrowdOptions} options */
  constructor(options) {
    const program = resolve(BENCH, 'src/clients/crowd.mjs')
    const [file, ...words] = onLoadCore([process.execPath, program, JSON.stringify(options)])
    this.#child = spawn(file, words, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  /**
   * The next line, which must be of this kind. Rejects when it does not come in time.
   * @template {CrowdLine['kind']} Kind
   * @param {Kind} kind
   * @returns {Promise<Extract<CrowdLine, { kind: Kind }>>}
   */
  async says(kind) {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), DEADLINE_MS)
    /** @type {IteratorResult<string, undefined>} */
    const next = await this.#lines.next()
    clearTimeout(timer)
    /** @type {unknown} */
    const line = JSON.parse(next.value ?? '{}')
    const said = /** @type {Extract<CrowdLine, { kind: Kind }>} */ (line)
    if (said.kind !== kind) throw new LoadError(`the clients are not all ${kind} within ${DEADLINE_MS / 1000} s`)
    return said
  }

  end() {
    this.#child.kill('SIGKILL')
  }
}
