import { text as readAll } from 'node:stream/consumers'
import type { Revocation } from '@tidings/server'
import { type Command, Option } from 'commander'
import { timeoutOption, urlOption } from '../client-options.js'
import { usageError } from '../exit.js'
import { clientHelp } from '../help.js'
import { endWithReader, notice, writeLine } from '../output.js'
import { requestRevocation } from '../revocation-request.js'
import { localTokenSettings } from '../tokens/local-token-settings.js'
import { makeCheckedToken } from '../tokens/make-checked-token.js'
import { canSign, OPERATOR } from '../tokens/make-token.js'

interface RevokeFlags {
  readonly user?: string
  readonly session?: string
  readonly tokenId?: string
  readonly url: string
  readonly token?: string
  readonly tokenKey?: string
  readonly config?: string
  /** Seconds. */
  readonly timeout: number
}

const DEFAULT_URL = 'http://127.0.0.1:8080'
/** Long enough for the way to the server and for clocks that differ; it is used at once and only once. */
const TOKEN_LIFETIME_MS = 60_000

export const addRevoke = (program: Command): void => {
  program
    .command('revoke')
    .summary('lock out a user, a session or a token')
    .description(
      'Closes the sessions of a user, one session, or the sessions of a token, and refuses the tokens from now on: all that ' +
        'the user had so far, the one that the session came with, or the one. The server must check tokens. It is asked ' +
        "with an operator's token, which is made here with the key of --token-key, else of TIDINGS_TOKEN_KEY or " +
        'TIDINGS_TOKEN_SECRET, else with the first one of the configuration that can sign.',
    )
    .option('--user <id>', 'the sessions of this user, and all tokens issued to it so far')
    .option('--session <id>', 'this session, and the token that it came with')
    .option('--token-id <jti>', 'the token with this jti, and its sessions; `tidings token --check` tells it')
    .addOption(urlOption("the server's address", DEFAULT_URL))
    .addOption(
      new Option('--token <token>', "an operator's token that was made elsewhere; - reads it from standard input").env(
        'TIDINGS_OPERATOR_TOKEN',
      ),
    )
    .addOption(new Option('--token-key <file>', 'the key: PEM, a JSON Web Key or a secret').conflicts('token'))
    .option('--config <file>', 'the configuration (default: the one that is here)')
    .addOption(timeoutOption('how long the answer may take'))
    .addHelpText(
      'after',
      clientHelp(
        'tidings revoke --user ada',
        'tidings revoke --token-id 7f3c --url https://live.example.com --token-key private.pem',
        'tidings token --operator | tidings revoke --user ada --token - --url https://live.example.com',
      ),
    )
    .action(revoke)
}

const revoke = async (flags: RevokeFlags): Promise<void> => {
  endWithReader()
  const revocation = revocationOf(flags)
  const { token, tokenHint } = await operatorToken(flags)
  const { url, timeout } = flags
  const ended = await requestRevocation({ url, token, tokenHint, revocation, timeoutSeconds: timeout })
  await writeLine({ revoked: revocation, ended })
  notice(doneSentence(revocation, ended))
}

const revocationOf = ({ user, session, tokenId }: RevokeFlags): Revocation => {
  const given: readonly (readonly [string, string | undefined, (value: string) => Revocation])[] = [
    ['--user', user, (value) => ({ user: value })],
    ['--session', session, (value) => ({ session: value })],
    ['--token-id', tokenId, (value) => ({ token: value })],
  ]
  const [one, ...more] = given.filter(([, value]) => value !== undefined)
  if (one === undefined) throw usageError('Say whom to lock out: --user, --session or --token-id.')
  if (more.length > 0) throw usageError('--user, --session and --token-id exclude each other: run it once for each.')
  const [name, value = '', make] = one
  if (value === '') throw usageError(`${name} must not be empty.`)
  return make(value)
}

interface OperatorToken {
  readonly token: string
  readonly tokenHint: string
}

const operatorToken = async ({ token, tokenKey, config }: RevokeFlags): Promise<OperatorToken> => {
  if (token !== undefined) {
    const tokenHint = "make an operator's with `tidings token --operator`, where the server's signing key is"
    return { token: token === '-' ? (await readAll(process.stdin)).trim() : token, tokenHint }
  }
  const settings = await localTokenSettings({ config, key: tokenKey })
  if (settings === undefined) {
    throw usageError(
      "There is no key to ask the server with: run this where its configuration is, or give the key with --token-key or an operator's " +
        'token with --token; a server without tokens, as under --dev, can revoke nothing.',
    )
  }
  const key = settings.keys.find(canSign)
  if (key === undefined) {
    throw usageError(
      'None of the keys here can sign, they are public: give the private one with --token-key, or where that is run ' +
        '`tidings token --operator` and give what it prints with --token.',
    )
  }
  const longestMs = Math.min(TOKEN_LIFETIME_MS, settings.options.maxLifetimeMs ?? TOKEN_LIFETIME_MS)
  // Tokens have whole seconds.
  const expiresInMs = longestMs - (longestMs % 1000)
  const content = {
    ...{ user: OPERATOR, isOperator: true, expiresInMs, claims: {} },
    ...{ allow: undefined, id: undefined, issuer: undefined, audience: undefined },
  }
  const made = await makeCheckedToken(content, key, settings)
  const tokenHint =
    'the token was made here, so the key, tokens.issuer and tokens.audience must be those of the server, and its clock must agree with this one'
  return { token: made.text, tokenHint }
}

/** `ended` counts what the node that answered had; other workers have theirs. */
const doneSentence = (revocation: Revocation, ended: number): string => {
  const closed = `sessions are closed (${ended} at the node that answered)`
  if ('user' in revocation) {
    return (
      `Revoked user '${revocation.user}': ${closed}, and tokens issued until now are refused. ` +
      'Newer ones are not: lock the account where tokens are made too.'
    )
  }
  if ('token' in revocation) return `Revoked token '${revocation.token}': ${closed}, and it is refused from now on.`
  if (ended > 0) return `Revoked session '${revocation.session}': it is closed, and the token it came with is refused.`
  return (
    `The node that answered has no session '${revocation.session}', and told the other workers, if there are any; if it ` +
    'has ended, its token is still good: revoke the user or the token.'
  )
}
