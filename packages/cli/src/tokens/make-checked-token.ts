import { usageError } from '../exit.js'
import { checkToken } from './check-token.js'
import { type KeyMaterial, serverKey } from './key-material.js'
import { type MadeToken, makeToken, type TokenContent } from './make-token.js'
import type { TokenSettings } from './token-settings.js'

/**
 * Signs a token for the server of these settings: its issuer and audience unless others are given. Rejects with
 * CommandError when that server would refuse it.
 */
export const makeCheckedToken = async (
  content: TokenContent,
  key: KeyMaterial,
  { options }: TokenSettings,
): Promise<MadeToken> => {
  const { issuer = [options.issuer ?? []].flat()[0], audience = [options.audience ?? []].flat()[0] } = content
  const made = await makeToken({ ...content, issuer, audience }, key, Date.now())
  // Keys at an address are not ours to ask for that.
  const own = Object.fromEntries(Object.entries(options).filter(([name]) => name !== 'jwks'))
  const result = await checkToken(made.text, { ...own, keys: [serverKey(key)] })
  if (result.kind === 'refused') throw usageError(`It would be refused: ${result.sentence} (${result.code}).`)
  return made
}
