import { systemClock } from '../clock.js'
import type { TokenOptions } from '../options.js'
import { checkTokens } from './check-tokens.js'
import { TokenVerifier, type TokenVerifierParts } from './tokens/token-verifier.js'

/**
 * Checks tokens as a node with these options does, but for revocations, which the node's backend keeps. Throws
 * OptionsError for a wrong option.
 */
export const createTokenVerifier = (options: TokenOptions, parts: Partial<TokenVerifierParts> = {}): TokenVerifier => {
  checkTokens(options)
  return new TokenVerifier(options, { clock: systemClock, failed: () => undefined, ...parts })
}
