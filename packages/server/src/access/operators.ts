import type { IncomingMessage } from 'node:http'
import { bearerToken } from './bearer-token.js'
import type { Revocations } from './revocations.js'
import type { TokenVerifier } from './tokens/token-verifier.js'

/** Who may operate the node, or why somebody may not. `undecided`: it cannot be found out now. */
export type OperatorDecision =
  | { readonly kind: 'operator'; readonly id: string }
  | { readonly kind: 'unauthorized' | 'forbidden' | 'undecided'; readonly message: string }

const NO_TOKEN = 'this needs an operator’s token as Authorization: Bearer …; `tidings token --operator` makes one'
const OF_A_USER = 'the token is a user’s: this needs an operator’s, as `tidings token --operator` makes'

/**
 * Asks for a token that was made for operating and holds now. A token of a user is none, whatever it allows. Rejects with
 * BackendError.
 */
export const operatorOf = async (
  { headers }: Pick<IncomingMessage, 'headers'>,
  verifier: TokenVerifier,
  revocations: Pick<Revocations, 'isRevoked'>,
): Promise<OperatorDecision> => {
  const text = bearerToken(headers)
  if (text === undefined) return { kind: 'unauthorized', message: NO_TOKEN }
  const check = await verifier.verify(text)
  if (check.kind === 'undecided') return check
  if (check.kind === 'refused') return { kind: 'unauthorized', message: check.message }
  const { token } = check
  if (!token.isOperator) return { kind: 'forbidden', message: OF_A_USER }
  if (await revocations.isRevoked(token, token.userId)) {
    return { kind: 'unauthorized', message: 'the token was revoked' }
  }
  return { kind: 'operator', id: token.userId }
}
