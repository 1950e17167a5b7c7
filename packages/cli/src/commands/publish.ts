import { fstatSync } from 'node:fs'
import {
  type Client,
  type Failure,
  type PendingPublish,
  type PublishedResult,
  type PublishOptions,
  type Tags,
  TidingsError,
} from '@tidings/client'
import { type Command, InvalidArgumentError } from 'commander'
import {
  addClientOptions,
  checkChannel,
  type ClientFlags,
  connectClient,
  failureError,
  positiveNumber,
  refusedError,
  tellState,
} from '../client-options.js'
import { CommandError, EXIT, type ExitCode, sentenceOf, usageError } from '../exit.js'
import { clientHelp } from '../help.js'
import { onInterrupt } from '../interrupt.js'
import { endWithReader, notice, writeLine } from '../output.js'
import { showProgress } from '../progress.js'
import { type LineCounts, parseData, publishLines } from '../publish-lines.js'

interface PublishFlags extends ClientFlags {
  readonly text?: true
  readonly rate?: number
  readonly key?: string
  readonly tag?: Tags
  readonly id?: string
}

const MAX_RATE = 1_000_000
/** After that many the rejected lines are only counted. */
const MAX_TOLD_REJECTIONS = 10
/** How long an interrupted publish of many lines waits for the acknowledgements under way. */
const INTERRUPT_GRACE_MS = 2000

export const addPublish = (program: Command): void => {
  const command = program
    .command('publish')
    .summary('publish on a channel')
    .description(
      'Publishes DATA, which is JSON, on a channel, and prints its position as one line of JSON. Without DATA each line of ' +
        'standard input is published, in order, and a summary is told on standard error.',
    )
    .argument('<channel>', 'such as chat:lobby')
    .argument('[data]', 'JSON; with --text a string as it is')
    .option('--text', 'the data, or each line, is a string and not JSON')
    .option('--rate <n>', 'publish at most n lines a second', positiveNumber(MAX_RATE))
    .option('--key <key>', "the publication's key")
    .option('--tag <name=value>', 'a tag of the publication; may be given several times', addTag)
    .option('--id <id>', 'its id: the same user (--token) publishing with it again yields the first one')
  addClientOptions(command)
    .addHelpText(
      'after',
      clientHelp(`tidings publish chat:lobby '{"text":"hi"}'`, 'tidings publish chat:lobby --rate 10 < lines.jsonl'),
    )
    .action(publish)
}

const addTag = (text: string, tags: Tags = {}): Tags => {
  const end = text.indexOf('=')
  if (end < 1) throw new InvalidArgumentError('It must have the form name=value.')
  const name = text.slice(0, end)
  if (Object.hasOwn(tags, name)) throw new InvalidArgumentError(`The tag ${name} is given twice.`)
  return { ...tags, [name]: text.slice(end + 1) }
}

const publish = async (channel: string, text: string | undefined, flags: PublishFlags): Promise<void> => {
  checkChannel(channel)
  endWithReader()
  if (text === undefined) {
    if (flags.id !== undefined) throw usageError('--id names one publication, so it needs DATA.')
    await publishInput(channel, flags)
  } else {
    if (flags.rate !== undefined) throw usageError('--rate is for lines of standard input, so it goes without DATA.')
    await publishOne(channel, singleData(text, flags.text === true), flags)
  }
}

const singleData = (text: string, isText: boolean): unknown => {
  const data = parseData(text, isText)
  if (data !== undefined) return data.value
  const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text
  throw usageError(`${shown} is not JSON: quote it for the shell, as in '{"text":"hi"}', or use --text for a string.`)
}

const publicationOptions = ({ key, tag }: PublishFlags): PublishOptions => ({ key, tags: tag })

// ── one publication

const publishOne = async (channel: string, data: unknown, flags: PublishFlags): Promise<void> => {
  onInterrupt((exitCode) => process.exit(exitCode))
  const client = await connectClient(flags)
  try {
    await writeLine(await acknowledged(client, channel, data, flags))
  } finally {
    client.close()
  }
}

const acknowledged = async (
  client: Client,
  channel: string,
  data: unknown,
  flags: PublishFlags,
): Promise<Omit<PublishedResult, 'ok'> & { id: string }> => {
  const signal = AbortSignal.timeout(flags.timeout * 1000)
  const pending = begin(client, channel, data, { ...publicationOptions(flags), id: flags.id, signal })
  const result = await pending
  if (result.ok) {
    const { position, offset, time, durability, duplicate } = result
    return { id: pending.id, position, offset, time, durability, duplicate }
  }
  if (!signal.aborted) throw failureError(result.error)
  const outcome = result.error.code === 'outcome-unknown' ? 'it may have been published' : 'nothing was published'
  throw new CommandError(
    EXIT.failure,
    `The server did not acknowledge within ${flags.timeout} seconds: ${outcome}; its id is ${pending.id}.${answerOf(result.error)}`,
  )
}

/** The SDK throws for what no server would take. */
const begin = (client: Client, channel: string, data: unknown, options: PublishOptions): PendingPublish => {
  try {
    return client.channel(channel).publish(data, options)
  } catch (error) {
    throw error instanceof TidingsError
      ? usageError(`It cannot be published: ${error.message} (${error.code}).`)
      : error
  }
}

const answerOf = ({ answer }: Failure): string =>
  answer === undefined ? '' : ` It answered: ${answer.message} (${answer.code}).`

// ── lines of standard input

const publishInput = async (channel: string, flags: PublishFlags): Promise<void> => {
  const stop = new AbortController()
  const interrupt: { exitCode?: ExitCode } = {}
  onInterrupt((exitCode) => {
    interrupt.exitCode = exitCode
    stop.abort()
    process.stdin.destroy()
  })
  const client = await connectClient(flags)
  let refusal: CommandError | undefined
  client.on('state', ({ state, reason }) => {
    if (state !== 'closed' || reason === undefined) return
    refusal = refusedError(reason)
    stop.abort()
    process.stdin.destroy()
  })
  stop.signal.addEventListener('abort', () => setTimeout(() => client.close(), INTERRUPT_GRACE_MS))
  const isTypedInput = process.stdin.isTTY
  if (isTypedInput) notice(`Publishing each line you type as ${flags.text === true ? 'text' : 'JSON'}; Ctrl-D ends.`)
  const progress = showProgress({ stream: process.stderr, isTypedInput, totalBytes: inputBytes(), notice })
  tellState(client, progress.note)
  let told = 0
  try {
    const counts = await publishLines({
      channel: client.channel(channel),
      input: process.stdin as AsyncIterable<Uint8Array>,
      isText: flags.text === true,
      rate: flags.rate,
      options: publicationOptions(flags),
      stop: stop.signal,
      rejected: (lineNumber, { code, message }) => {
        told += 1
        if (told <= MAX_TOLD_REJECTIONS) progress.note(`Line ${lineNumber} was not published: ${message} (${code}).`)
        if (told === MAX_TOLD_REJECTIONS) progress.note('Further ones are only counted.')
      },
      progress: ({ published }, bytesRead) => progress.update(published, bytesRead),
    })
    progress.stop()
    summarize(counts)
    throwIf(refusal ?? (interrupt.exitCode === undefined ? undefined : new CommandError(interrupt.exitCode)))
    if (counts.rejected + counts.unknown > 0) throw new CommandError(EXIT.failure)
  } catch (error) {
    if (error instanceof CommandError) throw error
    throw new CommandError(EXIT.failure, `Standard input cannot be read: ${sentenceOf(error)}.`)
  } finally {
    progress.stop()
    client.close()
  }
}

/** How much standard input has, where it is a file. */
const inputBytes = (): number | undefined => {
  try {
    const stats = fstatSync(process.stdin.fd)
    return stats.isFile() ? stats.size : undefined
  } catch {
    return undefined
  }
}

const throwIf = (error: CommandError | undefined): void => {
  if (error !== undefined) throw error
}

const summarize = ({ published, rejected, unknown }: LineCounts): void =>
  notice(`${published} published, ${rejected} rejected, ${unknown} unknown.`)
