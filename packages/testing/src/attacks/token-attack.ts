import type { Attack } from './attack.js'
import type { Attacker } from './attacker.js'
import { goodClaims, type SigningKey } from './forge-token.js'

export const REFUSED = ['unauthorized 4501']
export const HOUR_S = 3600

export const takesNames = ({ facts }: Attacker): string | undefined =>
  facts.isDev ? 'under the dev profile tokens are plain names' : undefined

export const needsKey = (attacker: Attacker): string | undefined =>
  takesNames(attacker) ?? (attacker.target.options.signing === undefined ? 'no signing key is known' : undefined)

/** The key that tokens are signed with; the obstacle was asked about before. */
export const keyOf = ({ target }: Attacker): SigningKey => {
  const { signing } = target.options
  if (signing === undefined) throw new Error('no signing key is known')
  return signing
}

/** What can be guessed of good claims where no key is known. */
export const claimsOf = ({ target }: Attacker): Readonly<Record<string, unknown>> =>
  goodClaims(target.options.signing ?? { algorithm: 'HS256', key: '' }, 'ann')

/** One attack whose attempts are tokens, by what is wrong with them. */
export const tokenAttack = (
  name: string,
  threat: string,
  obstacle: (attacker: Attacker) => string | undefined,
  forged: (attacker: Attacker) => Readonly<Record<string, string | undefined>>,
): Attack => ({
  name,
  threat,
  refusals: REFUSED,
  obstacle,
  run: async (attacker) => {
    for (const [what, token] of Object.entries(forged(attacker))) {
      attacker.saw(what, await attacker.answerToToken(token))
    }
  },
})
