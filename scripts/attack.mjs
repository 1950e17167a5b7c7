/**
 * Attacks a node in every way of docs/security.md and prints what came back: `npm run attack` starts nodes of its own for it,
 * `npm run attack -- --url ws://127.0.0.1:8080/ws --secret-file SECRET` takes another one. Ends with 1 when an attack was not
 * refused as it should be, the node was not well afterwards, or the bystander missed something; with 2 when it cannot begin.
 */
import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { ATTACKS, attacksNamed, attackTable, runAttacks, startAttackedNode } from '@tidings/testing'

const SERVER = resolve(import.meta.dirname, '../packages/cli/bin/tidings.js')

/** Tried on a node that trusts this machine as its proxy. */
const OF_PROXIED = ['forwarded-limits']
/** What only a node of the dev profile can show. */
const OF_DEV = [
  'cross-site-hijack',
  'opaque-origins',
  'dns-rebinding',
  'dns-rebinding-of-health',
  'forwarded-to-dev',
  'path-tricks',
]

const HELP = `Usage: npm run attack -- [options]

Without --url it starts \`tidings serve\` with keys, rules and compression, one behind
a proxy, and one with --dev, and attacks them.

  --url URL            the node's WebSocket, ws: or wss:, such as ws://127.0.0.1:8080/ws
  --secret TEXT        the secret that its tokens are signed with (HS256); others on this machine can see it meanwhile
  --secret-file FILE   the same from a file
  --token-key FILE     a private key (PEM) that its tokens are signed with: RSA, P-256 or Ed25519
  --kid ID             the kid of its tokens
  --audience TEXT      their aud
  --issuer TEXT        their iss
  --public-key FILE    a public key of the node (PEM), which is tried as a secret; may be repeated
  --token TOKEN        a ready token for good clients, where no key is known
  --pattern PATTERN    channels of one parameter in which good clients may subscribe and publish; default chat:{room}
  --health URL         where it says how it is; default /healthz of the same port
  --ca FILE            the authority of its certificate (PEM)
  --pid NUMBER         its process, whose memory is watched (Linux)
  --only NAME          this attack and no other; may be repeated
  --quick              small numbers: tries everything, and its figures mean little
  --seed NUMBER        the random choices of another run
  --i-own-this-node    attack a node on another machine. Only do that to your own
  --list               what there is
`

/** Prints why, and ends. @param {unknown} error @returns {never} */
const cannotBegin = (error) => {
  console.error(error instanceof Error ? error.message : error)
  process.exit(2)
}

const readOptions = () => {
  try {
    return parseArgs({
      options: {
        url: { type: 'string' },
        secret: { type: 'string' },
        'secret-file': { type: 'string' },
        'token-key': { type: 'string' },
        kid: { type: 'string' },
        audience: { type: 'string' },
        issuer: { type: 'string' },
        'public-key': { type: 'string', multiple: true },
        token: { type: 'string' },
        pattern: { type: 'string' },
        health: { type: 'string' },
        ca: { type: 'string' },
        pid: { type: 'string' },
        only: { type: 'string', multiple: true },
        quick: { type: 'boolean', default: false },
        seed: { type: 'string' },
        'i-own-this-node': { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
  } catch (error) {
    return cannotBegin(error)
  }
}

const { values } = readOptions()

/** @param {'seed' | 'pid'} name @returns {number | undefined} */
const numberOf = (name) => {
  const text = values[name]
  if (text === undefined) return undefined
  return /^\d+$/.test(text) ? Number(text) : cannotBegin(`--${name} takes a whole number, not ${text}.`)
}

/** @param {string} path */
const read = (path) => readFileSync(path, 'utf8')

/** Without what is undefined, because the options tell the two apart. @template {object} Given @param {Given} given */
const given = (given) =>
  /** @type {{ [Name in keyof Given]?: Exclude<Given[Name], undefined> }} */ (
    Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  )

/** @param {string} pem @returns {'RS256' | 'ES256' | 'EdDSA'} */
const algorithmOf = (pem) => {
  const { asymmetricKeyType } = createPrivateKey(pem)
  return asymmetricKeyType === 'rsa' ? 'RS256' : asymmetricKeyType === 'ec' ? 'ES256' : 'EdDSA'
}

const signing = () => {
  const { kid, audience, issuer, secret, 'secret-file': secretFile, 'token-key': keyFile } = values
  const more = given({ kid, audience, issuer })
  if (keyFile !== undefined) {
    const key = read(keyFile)
    return { algorithm: algorithmOf(key), key, ...more }
  }
  const key = secret ?? (secretFile === undefined ? undefined : read(secretFile).trimEnd())
  return key === undefined ? undefined : { algorithm: /** @type {const} */ ('HS256'), key, ...more }
}

/** @param {string} url @returns {import('@tidings/testing').TargetOptions} */
const targetOf = (url) => ({
  url,
  beyondLoopback: values['i-own-this-node'],
  ...given({
    signing: signing(),
    publicKeys: values['public-key']?.map(read),
    token: values.token,
    pattern: values.pattern,
    healthUrl: values.health,
    ca: values.ca === undefined ? undefined : read(values.ca),
    pid: numberOf('pid'),
  }),
})

const seed = numberOf('seed') ?? Math.floor(Math.random() * 2 ** 31)

/**
 * @param {import('@tidings/testing').TargetOptions} target
 * @param {readonly string[] | undefined} only
 * @param {boolean} lowPriority
 */
const attack = async (target, only, lowPriority) => {
  console.log(`attacking ${target.url}, seed ${seed}`)
  const report = await runAttacks({
    ...target,
    ...given({ only }),
    scale: values.quick ? 'small' : 'full',
    seed,
    lowPriority,
    onRow: ({ attack, outcome }) => console.error(`  ${attack.name}: ${outcome}`),
  })
  console.log(['', ...attackTable(report), ''].join('\n'))
  return report.failed
}

/**
 * @param {'tokens' | 'proxied' | 'dev'} profile
 * @param {readonly string[] | undefined} only
 * @param {boolean} lowPriority
 */
const attackOwn = async (profile, only, lowPriority) => {
  const node = await startAttackedNode({ program: [process.execPath, SERVER], profile })
  try {
    return await attack(node.target, only, lowPriority)
  } finally {
    await node.stop()
  }
}

/** @param {readonly string[]} names */
const asked = (names) => names.filter((name) => values.only?.includes(name) ?? true)

/** @returns {Promise<number>} the exit code */
const main = async () => {
  if (values.help) {
    console.log(HELP)
    return 0
  }
  if (values.list) {
    for (const { name, threat } of ATTACKS) console.log(`${name.padEnd(28)}${threat}`)
    return 0
  }
  // Before anything is started and attacked.
  attacksNamed(values.only)
  const lowPriority = !values.quick
  if (values.url !== undefined) return (await attack(targetOf(values.url), values.only, lowPriority)) > 0 ? 1 : 0
  // The priority stays low, and what is started later would have it too: nodes come before.
  let failed = 0
  for (const [profile, names] of /** @type {const} */ ([
    ['dev', asked(OF_DEV)],
    ['proxied', asked(OF_PROXIED)],
  ])) {
    if (names.length > 0) failed += await attackOwn(profile, names, false)
  }
  return failed + (await attackOwn('tokens', values.only, lowPriority)) > 0 ? 1 : 0
}

try {
  process.exitCode = await main()
} catch (error) {
  cannotBegin(error)
}
