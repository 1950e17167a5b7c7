import type { Accounts } from '../limits/accounts.js'
import type { LimitReached } from '../observe/limits-reached.js'
import type { Connection, Handshake } from '../transport/transport.js'
import { addressGroup } from './address-group.js'
import { credentialOf } from './authenticator.js'

/** What is needed of a session. */
interface From {
  readonly connection: Pick<Connection, 'handshake'>
}

/** Whether it says who it is in any way: clients that do not cannot fail. */
const bringsAnything = (handshake: Handshake, token: string | undefined): boolean =>
  credentialOf(handshake, token) !== undefined || handshake.headers.cookie !== undefined

/**
 * Counts tokens that did not hold, by address, over all connections. To check one takes time, or a question to the application's
 * users. One that holds costs nothing, so that good clients get in whenever the address has not used up its rate.
 */
export class FailedTokens {
  readonly #accounts: Accounts
  readonly #reached: LimitReached

  constructor(accounts: Accounts, reached: LimitReached) {
    this.#accounts = accounts
    this.#reached = reached
  }

  /** false: what the client brought must not be checked now. */
  hasRoom({ connection: { handshake } }: From, token: string | undefined): boolean {
    const { remoteAddress } = handshake
    if (this.#accounts.ofAddress(addressGroup(remoteAddress)).failedTokens.hasRoom) return true
    if (!bringsAnything(handshake, token)) return true
    this.#reached('failedTokensPerSecond', remoteAddress)
    return false
  }

  count({ connection: { handshake } }: From): void {
    this.#accounts.ofAddress(addressGroup(handshake.remoteAddress)).failedTokens.charge(1)
  }
}
