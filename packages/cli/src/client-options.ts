import { setTimeout as sleep } from 'node:timers/promises'
import { channelNameProblem } from '@tidings/contract'
import { type Client, type ClientStateChange, createClient, type Failure } from '@tidings/client'
import { msgpackCodec } from '@tidings/client/msgpack'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { WebSocket } from 'ws'
import { CommandError, EXIT, usageError } from './exit.js'

const DEFAULT_URL = 'ws://127.0.0.1:8080/ws'
const DEFAULT_TIMEOUT_SECONDS = 10
const MAX_TIMEOUT_SECONDS = 86_400
/** A person waits for it, and there is one of them: closer together than an application's. */
const BACKOFF = { minMs: 200, maxMs: 3000 }

export interface ClientFlags {
  readonly url: string
  readonly token?: string
  readonly msgpack?: true
  /** Seconds. */
  readonly timeout: number
}

const parseUrl = (text: string): string => {
  if (/^(ws|http)s?:\/\/./.test(text) && URL.canParse(text)) return text
  throw new InvalidArgumentError(`It must be an address such as ${DEFAULT_URL}.`)
}

/** For options that are a positive number, such as seconds. */
export const positiveNumber =
  (max: number) =>
  (text: string): number => {
    const value = Number(text)
    if (text.trim() !== '' && value > 0 && value <= max) return value
    throw new InvalidArgumentError(`It must be a number above 0, at most ${max}.`)
  }

/** For options that count something. */
export const positiveCount = (text: string): number => {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= 1 && Number.isSafeInteger(value)) return value
  throw new InvalidArgumentError('It must be a whole number from 1 up.')
}

export const urlOption = (description: string, preset = DEFAULT_URL): Option =>
  new Option('--url <url>', description).env('TIDINGS_URL').default(preset).argParser(parseUrl)

export const timeoutOption = (description: string): Option =>
  new Option('--timeout <seconds>', description)
    .default(DEFAULT_TIMEOUT_SECONDS)
    .argParser(positiveNumber(MAX_TIMEOUT_SECONDS))

/** The options that all clients take. */
export const addClientOptions = (command: Command): Command =>
  command
    .addOption(urlOption("the server's WebSocket address"))
    .addOption(new Option('--token <token>', 'who you are; under --dev just a name').env('TIDINGS_TOKEN'))
    .option('--msgpack', 'speak MessagePack in place of JSON')
    .addOption(timeoutOption('how long connecting, and an answer, may take'))

/** Throws a usage error for a name that no channel can have. */
export const checkChannel = (name: string): string => {
  const problem = channelNameProblem(name)
  if (problem !== undefined) throw usageError(`The channel name '${name}' ${problem}.`)
  return name
}

/** A client that is connected; rejects with CommandError when it cannot be in time, or is refused. */
export const connectClient = async ({ url, token, msgpack, timeout }: ClientFlags): Promise<Client> => {
  const client = createClient({
    url,
    token,
    codec: msgpack === true ? msgpackCodec : undefined,
    WebSocket,
    backoff: BACKOFF,
  })
  try {
    await firstConnection(client, url, timeout)
    return client
  } catch (error) {
    client.close()
    throw error
  }
}

const firstConnection = (client: Client, url: string, timeoutSeconds: number): Promise<void> =>
  new Promise((resolve, reject) => {
    let lastReason = 'no answer came'
    const timer = setTimeout(() => {
      settle(() => reject(unreachable(url, `${lastReason} within ${timeoutSeconds} seconds`)))
    }, timeoutSeconds * 1000)
    const settle = (then: () => void): void => {
      clearTimeout(timer)
      off()
      then()
    }
    const off = client.on('state', (change) => {
      if (change.state === 'connected') settle(resolve)
      const failure = connectFailure(url, change)
      if (failure !== undefined) settle(() => reject(failure))
      if (change.reason !== undefined) lastReason = change.reason.message
    })
    client.connect()
  })

export const unreachable = (url: string, why: string): CommandError =>
  new CommandError(EXIT.unreachable, `Cannot connect to ${url}: ${why}.`)

/** What ends the first attempt at once; a server that is starting or closing is tried again. */
const connectFailure = (url: string, { state, reason }: ClientStateChange): CommandError | undefined => {
  if (reason === undefined) return undefined
  if (state === 'closed') return refusedError(reason)
  if (reason.code !== 'connection-lost') return undefined
  const status = /refused: (\d+)/.exec(reason.message)?.[1]
  if (status === '503') return undefined
  if (status === '401' || status === '403') {
    const hint = 'a server under --dev takes connections from its own machine only'
    return new CommandError(EXIT.refused, `The server at ${url} refused the connection (HTTP ${status}); ${hint}.`)
  }
  if (status !== undefined) {
    return unreachable(url, `it answers, but not as a Tidings server (HTTP ${status}); the path is usually /ws`)
  }
  return unreachable(url, networkProblem(reason.message))
}

/** Why a connection failed, from what the system or the WebSocket said. */
export const networkProblem = (message: string): string => {
  // An attempt at several addresses of one name fails without words of its own.
  if (/ECONNREFUSED|closed with 1006/.test(message))
    return 'nothing listens there, so start the server or correct --url'
  if (/ENOTFOUND|EAI_AGAIN/.test(message)) return 'there is no host of this name'
  if (/ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/.test(message)) return 'the host does not answer'
  if (/subprotocol/i.test(message)) return 'it is a WebSocket, but not of a Tidings server'
  return message
}

/** The codes that the SDK gives itself: the server said nothing. */
const LOCAL_CODES: readonly string[] = ['closed', 'aborted', 'queue-full', 'outcome-unknown', 'bad-option']

/** The exit code that a failure of a command deserves. */
export const failureError = (failure: Failure): CommandError =>
  LOCAL_CODES.includes(failure.code)
    ? new CommandError(EXIT.failure, `It failed: ${withoutStop(failure.message)} (${failure.code}).`)
    : refusedError(failure)

export const refusedError = ({ code, message }: { readonly code: string; readonly message: string }): CommandError =>
  new CommandError(EXIT.refused, `The server refused: ${withoutStop(message)} (${code}).`)

const withoutStop = (sentence: string): string => sentence.replace(/\.$/, '')

/** Rejects when the user is revoked: the SDK's subscriptions wait then, for a login that a command does not bring. */
export const untilRevoked = (client: Client): Promise<never> => {
  const revoked = new Promise<never>((_resolve, reject) => {
    client.on('state', ({ state, reason }) => {
      if (state === 'closed' && reason?.code === 'revoked') reject(refusedError(reason))
    })
  })
  revoked.catch(() => undefined)
  return revoked
}

/** The answer of one command; rejects when it takes longer than it may. */
export const withDeadline = async <Answer>(timeoutSeconds: number, answer: PromiseLike<Answer>): Promise<Answer> => {
  const abort = new AbortController()
  const late = sleep(timeoutSeconds * 1000, undefined, { signal: abort.signal }).then(() => {
    throw new CommandError(EXIT.failure, `No answer came within ${timeoutSeconds} seconds.`)
  })
  late.catch(() => undefined)
  try {
    return await Promise.race([answer, late])
  } finally {
    abort.abort()
  }
}

/** Tells on standard error when the connection is lost and when it is back. */
export const tellState = (client: Client, tell: (sentence: string) => void): void => {
  let isLost = false
  client.on('state', ({ state, reason }) => {
    if (state === 'waiting' && !isLost) {
      isLost = true
      tell(`The connection was lost (${reason?.message ?? 'no network'}); trying to reconnect.`)
    } else if (state === 'connected' && isLost) {
      isLost = false
      tell(`Connected again. The session is ${client.session}.`)
    }
  })
}
