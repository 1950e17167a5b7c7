import type { Handshake } from '../transport/transport.js'
import type { Authenticate, Identified, User } from '../options.js'
import { bearerToken } from './bearer-token.js'
import { devUser } from './dev-identity.js'
import type { Revocations } from './revocations.js'
import { refuse, type TokenRefusalCode } from './tokens/token-refusal.js'
import type { TokenVerifier } from './tokens/token-verifier.js'
import type { VerifiedToken } from './tokens/verified-token.js'
import { isUserId } from './user-id.js'

/** Who a client is. `undecided`: it cannot be found out now, and the client should try again. */
export type Decision =
  | Identification
  | { readonly kind: 'refused'; readonly code: TokenRefusalCode | 'not-authenticated'; readonly message: string }
  | { readonly kind: 'undecided'; readonly message: string }

export interface Identification {
  readonly kind: 'identified'
  readonly user: User | null
  readonly token: VerifiedToken | undefined
  /** How many revocations had been made when it was decided. */
  readonly revocations: number
}

export interface AuthenticatorParts {
  /** undefined: the options have no `tokens`. */
  readonly verifier: TokenVerifier | undefined
  readonly authenticate: Authenticate | undefined
  /** Whether a client without a token is let in where the application does not decide. */
  readonly anonymous: boolean
  readonly dev: boolean
  readonly revocations: Revocations
}

export interface Credentials {
  readonly token: string | undefined
  /** The client's own id. */
  readonly client: string | undefined
}

const NOT_AUTHENTICATED = { kind: 'refused', code: 'not-authenticated', message: 'the connection was refused' } as const

/** The token that decides: the command's, else the handshake's. */
export const credentialOf = (handshake: Handshake, token: string | undefined): string | undefined =>
  token ?? bearerToken(handshake.headers)

/**
 * Turns what a client brought into a user: first the token is checked, if tokens are configured and there is one; then
 * the application decides, if it wants to.
 */
export class Authenticator {
  readonly #parts: AuthenticatorParts

  constructor(parts: AuthenticatorParts) {
    this.#parts = parts
  }

  /** Whether nothing was revoked since; otherwise it must be decided again. */
  isCurrent({ revocations }: Identification): boolean {
    return revocations === this.#parts.revocations.count
  }

  /** Rejects with what `authenticate` throws, and with BackendError. */
  async decide(handshake: Handshake, { token: given, client }: Credentials): Promise<Decision> {
    const { verifier, revocations } = this.#parts
    const { count } = revocations
    const text = credentialOf(handshake, given)
    let token: VerifiedToken | undefined
    if (verifier !== undefined && text !== undefined) {
      const check = await verifier.verify(text)
      if (check.kind !== 'verified') return check
      token = check.token
      // Else one that got lost would be good for more than what it was made for.
      if (token.isOperator) return refuse('token-operator')
    }
    const user = await this.#user(handshake, text, token, client)
    if (user === false) return NOT_AUTHENTICATED
    if (user === 'token-missing') return refuse(user)
    if (token !== undefined && (await revocations.isRevoked(token, user?.id ?? token.userId))) {
      return refuse('token-revoked')
    }
    return { kind: 'identified', user, token, revocations: count }
  }

  async #user(
    handshake: Handshake,
    text: string | undefined,
    token: VerifiedToken | undefined,
    client: string | undefined,
  ): Promise<Identified | 'token-missing'> {
    const { verifier, authenticate, anonymous, dev } = this.#parts
    if (authenticate !== undefined) {
      const { headers, url, remoteAddress } = handshake
      return checkUser(await authenticate({ headers, url, remoteAddress, token: text, claims: token?.claims }))
    }
    if (verifier === undefined) return dev ? devUser(text, client) : false
    if (token !== undefined) return { id: token.userId }
    return anonymous ? null : 'token-missing'
  }
}

const checkUser = (user: Identified): Identified => {
  if (user === null || user === false || isUserId(user.id)) return user
  throw new Error('authenticate must give null, false or a user whose id is a string of 1 to 128 characters')
}
