/** One WebSocket that a scenario steers by hand. */
import { once } from 'node:events'
import { WebSocket } from 'ws'

const DEADLINE_MS = 20_000

/** Stands in for the load generator's templates. @param {string} template @param {number} sequence */
const filled = (template, sequence) => template.replaceAll('%d', '0').replaceAll('%s', String(sequence))

export class Talk {
  #socket
  #heard = ''
  #sequence = 0
  /** @type {(() => void) | undefined} */
  #onText

  /** @param {WebSocket} socket */
  constructor(socket) {
    this.#socket = socket
    socket.on('message', (data) => {
      const bytes = /** @type {Buffer} */ (data)
      this.#heard += bytes.toString()
      this.#onText?.()
    })
  }

  /** @param {import('../types.js').Wire} wire @param {number} port */
  static async open(wire, port) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${wire.path}`, wire.subprotocol)
    const talk = new Talk(socket)
    await once(socket, 'open')
    return talk
  }

  /** @param {string} template */
  send(template) {
    this.#sequence += 1
    this.#socket.send(filled(template, this.#sequence))
  }

  /**
   * Resolves with all that was heard once it holds the text this often. Rejects when that takes too long.
   * @param {string} text @param {number} [count]
   * @returns {Promise<string>}
   */
  hears(text, count = 1) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`not heard: ${text}; but: ${this.#heard.slice(-500)}`)),
        DEADLINE_MS,
      )
      this.#onText = () => {
        if (this.#heard.split(text).length - 1 < count) return
        clearTimeout(timer)
        this.#onText = undefined
        resolve(this.#heard)
      }
      this.#onText()
    })
  }

  async close() {
    const closed = once(this.#socket, 'close')
    this.#socket.close()
    await closed
  }
}
