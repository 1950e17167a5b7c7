import { text as readAll } from 'node:stream/consumers'
import { ContractError, parsePattern } from '@tidings/contract'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { CommandError, EXIT, usageError } from '../exit.js'
import { tokenHelp } from '../help.js'
import { endWithReader, notice, writeLine } from '../output.js'
import { checkToken } from '../tokens/check-token.js'
import { localTokenSettings } from '../tokens/local-token-settings.js'
import { makeCheckedToken } from '../tokens/make-checked-token.js'
import { canSign, OPERATOR } from '../tokens/make-token.js'
import type { TokenSettings } from '../tokens/token-settings.js'
import { durationWords } from '../tokens/token-words.js'

type Permissions = Readonly<Record<string, readonly string[]>>
type Claims = Readonly<Record<string, unknown>>

interface TokenFlags {
  readonly user?: string
  readonly expires: number
  readonly allow?: Permissions
  readonly operator?: true
  readonly claim?: Claims
  readonly issuer?: string
  readonly audience?: string
  readonly id?: string
  readonly key?: string
  readonly keyId?: string
  readonly config?: string
  readonly check?: string
}

const ACTIONS = ['subscribe', 'publish', 'history', 'presence', 'create']
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
    .addOption(
      new Option('--operator', 'make it for `tidings revoke` in place of connecting; at most 1h').conflicts('allow'),
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
        'tidings token --operator --expires 10m',
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
  const settings = await localTokenSettings(flags)
  if (settings === undefined) {
    throw usageError('There is no key: give one with --key, or configure tokens in tidings.config.ts or .json.')
  }
  if (flags.check === undefined) await make(flags, settings)
  else await check(flags.check === '-' ? (await readAll(process.stdin)).trim() : flags.check, settings)
}

const make = async (flags: TokenFlags, settings: TokenSettings): Promise<void> => {
  const { expires, allow, claim = {}, issuer, audience, id, keyId } = flags
  const isOperator = flags.operator === true
  const user = flags.user ?? (isOperator ? OPERATOR : undefined)
  if (user === undefined) throw usageError('--user says whose token it is to be; with --check one is explained.')
  const signing = settings.keys.find(canSign)
  if (signing === undefined) {
    throw usageError('None of the keys here can sign, they are public: give the private one with --key.')
  }
  const content = { user, expiresInMs: expires, allow, isOperator, claims: claim, id, issuer, audience }
  const made = await makeCheckedToken(content, keyId === undefined ? signing : { ...signing, id: keyId }, settings)
  process.stdout.write(`${made.text}\n`)
  notice(`A token of ${user} for ${durationWords(expires)}; its id is ${made.id}.`)
}

const check = async (text: string, { options }: TokenSettings): Promise<void> => {
  const result = await checkToken(text, options)
  if (result.kind === 'refused') {
    throw new CommandError(EXIT.refused, `The server would refuse it: ${result.sentence} (${result.code}).`)
  }
  const { userId, claims, endsAtMs, isOperator } = result.token
  await writeLine(claims)
  const leftMs = endsAtMs - (options.clockToleranceMs ?? 0) - Date.now()
  const whose = isOperator ? `from the operator '${userId}' and from no client` : `as ${userId}`
  notice(`The server would take it ${whose}, for ${durationWords(Math.max(0, leftMs))} more.`)
}
