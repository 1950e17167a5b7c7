import { resolve } from 'node:path'
import { text as readAll } from 'node:stream/consumers'
import { ContractError, parsePattern } from '@tidings/contract'
import { createTokenVerifier, OptionsError, type TokenOptions, type VerifiedToken } from '@tidings/server'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { CommandError, EXIT, sentenceOf, usageError } from '../exit.js'
import { tokenHelp } from '../help.js'
import { endWithReader, notice, writeLine } from '../output.js'
import { loadConfig } from '../serve/config-file.js'
import { parseEnvironment } from '../serve/setting-values.js'
import { type KeyMaterial, serverKey } from '../tokens/key-material.js'
import { canSign, makeToken } from '../tokens/make-token.js'
import { keyFile, loadTokens, type TokenSettings } from '../tokens/token-settings.js'
import { durationWords, refusalSentence } from '../tokens/token-words.js'

type Permissions = Readonly<Record<string, readonly string[]>>
type Claims = Readonly<Record<string, unknown>>

interface TokenFlags {
  readonly user?: string
  readonly expires: number
  readonly allow?: Permissions
  readonly claim?: Claims
  readonly issuer?: string
  readonly audience?: string
  readonly id?: string
  readonly key?: string
  readonly keyId?: string
  readonly config?: string
  readonly check?: string
}

const ACTIONS = ['subscribe', 'publish', 'history', 'presence']
const UNITS_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const MAX_DURATION_MS = 366 * 86_400_000

export const addToken = (program: Command): void => {
  program
    .command('token')
    .summary('make a token, or explain why one is refused')
    .description(
      'Makes a token for a user and prints it. It is signed with the key of --key, else of TIDINGS_TOKEN_KEY or ' +
        'TIDINGS_TOKEN_SECRET, else with the first one of the configuration that can sign. With --check it tells whether ' +
        'a server with this configuration would take a token, and why not; what was revoked only the server itself knows.',
    )
    .option('--user <id>', "the user's id (sub)")
    .addOption(
      new Option('--expires <duration>', 'how long it holds, such as 90s, 15m, 1h or 7d')
        .argParser(parseDuration)
        .default(3_600_000, '1h'),
    )
    .option(
      '--allow <pattern=actions>',
      `what it allows: ${ACTIONS.join(', ')}; may be given several times`,
      addPermission,
    )
    .option('--claim <name=json>', 'a further claim; may be given several times', addClaim)
    .option('--issuer <text>', 'iss (default: the first of tokens.issuer)')
    .option('--audience <text>', 'aud (default: the first of tokens.audience)')
    .option('--id <text>', 'jti, by which it can be revoked (default: random)')
    .option('--key <file>', 'the key: PEM, a JSON Web Key or a secret')
    .option('--key-id <text>', 'kid (default: the id of the key)')
    .option('--config <file>', 'the configuration (default: the one that is here)')
    .option('--check <token>', 'explain this token; - reads it from standard input')
    .addHelpText(
      'after',
      tokenHelp(
        `tidings token --user ann --expires 1h --allow 'chat:{room}=subscribe,publish'`,
        'tidings token --key private.pem --user ann',
        'tidings token --check - < token.txt',
      ),
    )
    .action(token)
}

const parseDuration = (text: string): number => {
  const [, count = '', unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  const ms = Number(count) * (UNITS_MS[unit] ?? 0)
  if (ms > 0 && ms <= MAX_DURATION_MS) return ms
  throw new InvalidArgumentError('It must be a duration such as 90s, 15m, 1h or 7d, at most 366d.')
}

const addPermission = (text: string, before: Permissions = {}): Permissions => {
  const end = text.lastIndexOf('=')
  if (end < 1) throw new InvalidArgumentError("It must have the form pattern=actions, as in 'chat:{room}=subscribe'.")
  const pattern = text.slice(0, end)
  const actions = text.slice(end + 1).split(',')
  const unknown = actions.find((action) => !ACTIONS.includes(action))
  if (unknown !== undefined) throw new InvalidArgumentError(`'${unknown}' is not one of ${ACTIONS.join(', ')}.`)
  try {
    parsePattern(pattern)
  } catch (error) {
    if (error instanceof ContractError) throw new InvalidArgumentError(`${error.message}.`)
    throw error
  }
  const known = Object.hasOwn(before, pattern) ? (before[pattern] ?? []) : []
  return { ...before, [pattern]: [...new Set([...known, ...actions])] }
}

const addClaim = (text: string, before: Claims = {}): Claims => {
  const end = text.indexOf('=')
  if (end < 1) throw new InvalidArgumentError('It must have the form name=json.')
  try {
    return { ...before, [text.slice(0, end)]: JSON.parse(text.slice(end + 1)) as unknown }
  } catch {
    throw new InvalidArgumentError(`${text.slice(end + 1)} is not JSON: quote it, as in 'rooms=["a"]'.`)
  }
}

const token = async (flags: TokenFlags): Promise<void> => {
  endWithReader()
  const settings = await loadSettings(flags)
  if (flags.check === undefined) await make(flags, settings)
  else await check(flags.check === '-' ? (await readAll(process.stdin)).trim() : flags.check, settings)
}

const loadSettings = async ({ config, key, keyId }: TokenFlags): Promise<TokenSettings> => {
  const environment = parseEnvironment(process.env)
  const workingDir = process.cwd()
  const file = await loadConfig(config ?? environment.config, workingDir)
  const sources = { config: file?.config.tokens, configName: file?.name, environment: process.env, workingDir }
  if (key !== undefined) {
    const material = keyFile(resolve(workingDir, key), key, keyId)
    return { options: { ...sources.config, keys: [serverKey(material)] }, keys: [material] }
  }
  const settings = loadTokens({ ...sources, values: [environment] })
  if (settings !== undefined) return settings
  throw usageError('There is no key: give one with --key, or configure tokens in tidings.config.ts or .json.')
}

const make = async (flags: TokenFlags, { options, keys }: TokenSettings): Promise<void> => {
  const { user, expires, allow, claim = {}, issuer, audience, id, keyId } = flags
  if (user === undefined) throw usageError('--user says whose token it is to be; with --check one is explained.')
  const signing = keys.find(canSign)
  if (signing === undefined) {
    throw usageError('None of the keys here can sign, they are public: give the private one with --key.')
  }
  const content = {
    user,
    expiresInMs: expires,
    allow,
    claims: claim,
    id,
    issuer: issuer ?? [options.issuer ?? []].flat()[0],
    audience: audience ?? [options.audience ?? []].flat()[0],
  }
  const key: KeyMaterial = keyId === undefined ? signing : { ...signing, id: keyId }
  const made = await makeToken(content, key, Date.now())
  // Nobody wants a token that the server refuses; keys at an address are not ours to ask for that.
  const own = Object.fromEntries(Object.entries(options).filter(([name]) => name !== 'jwks'))
  const result = await verify(made.text, { ...own, keys: [serverKey(key)] })
  if (result.kind === 'refused') throw usageError(`It would be refused: ${result.sentence} (${result.code}).`)
  process.stdout.write(`${made.text}\n`)
  notice(`A token of ${user} for ${durationWords(expires)}; its id is ${made.id}.`)
}

type Verdict =
  | { readonly kind: 'verified'; readonly token: VerifiedToken }
  | { readonly kind: 'refused'; readonly code: string; readonly sentence: string }

const verify = async (text: string, options: TokenOptions): Promise<Verdict> => {
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

const check = async (text: string, { options }: TokenSettings): Promise<void> => {
  const result = await verify(text, options)
  if (result.kind === 'refused') {
    throw new CommandError(EXIT.refused, `The server would refuse it: ${result.sentence} (${result.code}).`)
  }
  const { userId, claims, endsAtMs } = result.token
  await writeLine(claims)
  const leftMs = endsAtMs - (options.clockToleranceMs ?? 0) - Date.now()
  notice(`The server would take it as ${userId}, for ${durationWords(Math.max(0, leftMs))} more.`)
}
