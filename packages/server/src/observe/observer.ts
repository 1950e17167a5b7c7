import { LineBudget } from './line-budget.js'
import { describeError, type LogFields, type Logger, withoutSecret } from './logger.js'

/** Whose doing something was. What is not known is left out; texts of remote peers may be anything. */
export interface Actor {
  readonly user?: string | undefined
  readonly session?: string | undefined
  readonly remoteAddress?: string | undefined
  /** The Origin of the page that opened the connection. */
  readonly origin?: string | undefined
}

/** A handshake, a token, a command or a frame that was refused. */
export interface Refusal extends Actor {
  /** Of the protocol, of a token's refusal or of a handshake's: one of a fixed set. */
  readonly code: string
  /** One sentence of the server's own. */
  readonly why?: string | undefined
  readonly command?: string | undefined
  readonly channel?: string | undefined
}

/** Something that the node should have done and could not. */
export interface Failure extends Actor {
  readonly text: string
  readonly error: unknown
  readonly command?: string | undefined
  readonly channel?: string | undefined
  /** Must not get into a log, though the error may quote it. */
  readonly secret?: string | undefined
}

/** The core tells it what happened. */
export interface Observer {
  connected(actor: Actor): void
  refused(refusal: Refusal): void
  failed(failure: Failure): void
}

const REFUSALS = { perKey: 10, inAll: 60 }
const FAILURES = { perKey: 10, inAll: 30 }
/** Of one field: a header may have 16 KiB. */
const MAX_TEXT = 256
const MAX_STACK = 4096

/**
 * Tells the operator by the log. Peers cause these lines, so they are few and short however many peers there are: see LineBudget.
 * Refusals are `info`, failures are `error`. Clients that connect
 * are `debug`, each of them.
 */
export class OperatorLog implements Observer {
  readonly #logger: Logger
  readonly #refusals: LineBudget
  readonly #failures: LineBudget

  constructor(logger: Logger) {
    this.#logger = logger
    this.#refusals = new LineBudget(REFUSALS, (code, times) =>
      logger.info('more clients were refused than lines are written', { code, times }),
    )
    this.#failures = new LineBudget(FAILURES, (failure, times) =>
      logger.error('more failed than lines are written', { failure, times }),
    )
  }

  connected(actor: Actor): void {
    this.#logger.debug?.('a client connected', short(actor))
  }

  refused(refusal: Refusal): void {
    if (this.#refusals.take(refusal.code)) this.#logger.info('a client was refused', short(refusal))
  }

  failed({ text, error, secret, ...fields }: Failure): void {
    if (!this.#failures.take(text)) return
    this.#logger.error(text, { ...short(fields), ...short(withoutSecret(describeError(error), secret)) })
  }

  /** Tells what was not told yet. */
  close(): void {
    this.#refusals.flush()
    this.#failures.flush()
  }
}

const short = (fields: object): LogFields =>
  Object.fromEntries(Object.entries(fields).map(([name, value]: [string, unknown]) => [name, cut(name, value)]))

const cut = (name: string, value: unknown): unknown => {
  const most = name === 'stack' ? MAX_STACK : MAX_TEXT
  return typeof value === 'string' && value.length > most ? `${value.slice(0, most)}…` : value
}
