import type { ClientOptions } from './options.js'
import { checkTexts } from './plain-data.js'

/** How long the application may take to give a token. */
const TOKEN_TIMEOUT_MS = 15_000

interface Use {
  readonly use: (token: string | undefined) => void
  readonly failed: (error: unknown) => void
}

/**
 * Asks the application for tokens, one request at a time: an answer that overtakes another could bring back an older
 * token. Whoever asks while a request is under way gets its answer.
 */
export class TokenRequests {
  readonly #token: ClientOptions['token']
  #running: AbortController | undefined
  #use: Use | undefined
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(token: ClientOptions['token']) {
    this.#token = token
  }

  /** Calls `use` or `failed`, unless `drop` or another `ask` comes first. */
  ask(use: Use['use'], failed: Use['failed']): void {
    const token = this.#token
    if (typeof token !== 'function') {
      use(token)
      return
    }
    this.#use = { use, failed }
    if (!this.#running) void this.#request(token)
  }

  /** Nobody needs the answer any more. A request that goes on nevertheless serves whoever asks next. */
  drop(): void {
    this.#use = undefined
    this.#running?.abort()
  }

  /** Also forgets the request: the next `ask` begins a new one. */
  forget(): void {
    this.drop()
    this.#running = undefined
    clearTimeout(this.#timer)
  }

  async #request(token: Extract<ClientOptions['token'], (...args: never[]) => unknown>): Promise<void> {
    const request = (this.#running = new AbortController())
    const { signal } = request
    const settle = (tell: (use: Use) => void): void => {
      if (this.#running !== request) return
      const use = this.#use
      this.#use = this.#running = undefined
      clearTimeout(this.#timer)
      if (use) tell(use)
    }
    const fail = (error: unknown): void => {
      // It may have failed because it was aborted, and that is no answer to whoever asked since.
      const { aborted } = signal
      request.abort()
      settle(({ use, failed }) => (aborted ? this.ask(use, failed) : failed(error)))
    }
    this.#timer = setTimeout(() => fail('no token in time'), TOKEN_TIMEOUT_MS)
    try {
      const text = await token({ signal })
      checkTexts({ token: text })
      settle(({ use }) => use(text))
    } catch (error) {
      fail(error)
    }
  }
}
