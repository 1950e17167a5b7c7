import { createTokenVerifier, OptionsError, type TokenOptions, type VerifiedToken } from '@tidings/server'
import { CommandError, EXIT, sentenceOf, usageError } from '../exit.js'
import { refusalSentence } from './token-words.js'

export type Verdict =
  | { readonly kind: 'verified'; readonly token: VerifiedToken }
  | { readonly kind: 'refused'; readonly code: string; readonly sentence: string }

/** Whether a server with these options would take the token, as far as it can be known here. Rejects with CommandError. */
export const checkToken = async (text: string, options: TokenOptions): Promise<Verdict> => {
  let why = ''
  try {
    const failed = (reason: string): void => {
      why = reason
    }
    const result = await createTokenVerifier(options, { failed }).verify(text)
    if (result.kind === 'verified') return result
    if (result.kind === 'refused') {
      return { kind: 'refused', code: result.code, sentence: refusalSentence(result, text, options, Date.now()) }
    }
  } catch (error) {
    if (error instanceof OptionsError) throw usageError(`${sentenceOf(error)}.`)
    throw error
  }
  throw new CommandError(EXIT.unreachable, `The keys at ${options.jwks} cannot be fetched: ${why}.`)
}
