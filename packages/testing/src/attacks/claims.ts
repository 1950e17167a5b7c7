import type { Attack } from './attack.js'
import type { Attacker } from './attacker.js'
import { forge, goodClaims, headerOf, nowInSeconds, signatureOf, tokenOf } from './forge-token.js'
import { HOUR_S, keyOf, needsKey, REFUSED, takesNames, tokenAttack } from './token-attack.js'

const missing = tokenAttack(
  'missing-token',
  'a stranger is taken for a user',
  (attacker) =>
    takesNames(attacker) ?? (attacker.facts.takesAnonymous ? 'the node lets anonymous clients in' : undefined),
  () => ({
    'no token': undefined,
    'a word': 'ann',
    dots: '..',
    'of five parts': 'e30.e30.e30.e30.e30',
    'empty parts': 'e30..',
  }),
)

const expired = tokenAttack(
  'expired-token',
  'a token that was lost long ago still opens the door',
  needsKey,
  (attacker) => ({
    'expired a minute ago': tokenOf(keyOf(attacker), 'ann', { exp: nowInSeconds() - 60 }),
    'expired in 1970': tokenOf(keyOf(attacker), 'ann', { exp: 1 }),
    'exp below zero': tokenOf(keyOf(attacker), 'ann', { exp: -1 }),
    'exp as a text': tokenOf(keyOf(attacker), 'ann', { exp: '2999-01-01' }),
    'exp beyond all numbers': forge(headerOf(keyOf(attacker)), endlessClaims(attacker), signatureOf(keyOf(attacker))),
  }),
)

const endlessClaims = (attacker: Attacker): string =>
  JSON.stringify(goodClaims(keyOf(attacker), 'ann')).replace(/"exp":\d+/, '"exp":1e999')

const early = tokenAttack('not-yet-valid-token', 'a token of tomorrow is used today', needsKey, (attacker) => ({
  'nbf in an hour': tokenOf(keyOf(attacker), 'ann', { nbf: nowInSeconds() + HOUR_S }),
  'iat in an hour': tokenOf(keyOf(attacker), 'ann', { iat: nowInSeconds() + HOUR_S, exp: nowInSeconds() + 2 * HOUR_S }),
  'nbf as a text': tokenOf(keyOf(attacker), 'ann', { nbf: 'now' }),
}))

/** A claim that must be a certain text, and forms of it that look alike. */
const strangeValues = (value: string): Readonly<Record<string, unknown>> => ({
  another: 'another',
  'one that begins alike': `${value}.evil.example`,
  'of other case': value.toUpperCase() === value ? value.toLowerCase() : value.toUpperCase(),
  none: undefined,
  'an empty list': [],
  'a list of a list': [[value]],
  'an object': { [value]: true },
})

const addressed = (name: string, claim: 'aud' | 'iss', threat: string): Attack => {
  const known = ({ target }: Attacker): string | undefined =>
    claim === 'aud' ? target.options.signing?.audience : target.options.signing?.issuer
  return tokenAttack(
    name,
    threat,
    (attacker) =>
      needsKey(attacker) ?? (known(attacker) === undefined ? `no ${claim} of the node is known` : undefined),
    (attacker) =>
      Object.fromEntries(
        Object.entries(strangeValues(known(attacker) ?? '')).map(([what, value]) => [
          `${claim} ${what}`,
          tokenOf(keyOf(attacker), 'ann', { [claim]: value }),
        ]),
      ),
  )
}

const prototypeClaims = tokenAttack(
  'prototype-claims',
  'claims come from the prototype in place of the token',
  needsKey,
  (attacker) => {
    const key = keyOf(attacker)
    const text = JSON.stringify(goodClaims(key, 'ann')).replace('"sub":"ann"', '"__proto__":{"sub":"ann"}')
    return {
      'sub in __proto__': forge(headerOf(key), text, signatureOf(key)),
      'sub as an object': tokenOf(key, 'ann', { sub: { toString: 'ann' } }),
      'sub as a list': tokenOf(key, 'ann', { sub: ['ann'] }),
      'permissions in __proto__': forge(
        headerOf(key),
        JSON.stringify(goodClaims(key, 'ann', { tidings: 1 })).replace(
          '"tidings":1',
          '"tidings":{"__proto__":{"allow":{}}}',
        ),
        signatureOf(key),
      ),
    }
  },
)

const inAddress: Attack = {
  name: 'token-in-address',
  threat: 'tokens end up in the logs of everything on the way',
  refusals: REFUSED,
  obstacle: (attacker) =>
    needsKey(attacker) ?? (attacker.facts.takesAnonymous ? 'the node lets anonymous clients in' : undefined),
  run: async (attacker) => {
    const token = tokenOf(keyOf(attacker), 'ann')
    for (const name of ['token', 'access_token', 'authorization']) {
      attacker.saw(`?${name}=`, await attacker.answerToToken(undefined, { query: `?${name}=${token}` }))
    }
  },
}

/** Who is it: claims that do not hold, in tokens that are signed as they should be. */
export const CLAIM_ATTACKS: readonly Attack[] = [
  missing,
  expired,
  early,
  addressed('wrong-audience', 'aud', 'a token for another service of the same issuer is used here'),
  addressed('wrong-issuer', 'iss', 'a token of somebody else with the same key is used here'),
  prototypeClaims,
  inAddress,
]
