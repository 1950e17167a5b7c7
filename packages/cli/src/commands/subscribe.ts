import type { Subscription, SubscriptionItem } from '@tidings/client'
import { TidingsError } from '@tidings/client'
import { type Command, InvalidArgumentError, Option } from 'commander'
import {
  addClientOptions,
  checkChannel,
  type ClientFlags,
  connectClient,
  failureError,
  positiveCount,
  tellState,
  untilRevoked,
} from '../client-options.js'
import { CommandError, type ExitCode } from '../exit.js'
import { clientHelp } from '../help.js'
import { onInterrupt } from '../interrupt.js'
import { gapSentence, itemLine } from '../items.js'
import { endWithReader, notice, writeLine } from '../output.js'

interface SubscribeFlags extends ClientFlags {
  readonly rewind?: number
  readonly from?: string
  readonly count?: number
  readonly presence?: true
}

const MAX_REWIND = 1_000_000

export const addSubscribe = (program: Command): void => {
  const command = program
    .command('subscribe')
    .summary('print what is published on a channel')
    .description(
      'Prints each publication of a channel, and each gap in its place, as one line of JSON on standard output, until it ' +
        'is interrupted. What happens besides is told on standard error.',
    )
    .argument('<channel>', 'such as chat:lobby')
    .addOption(
      new Option('--rewind <n>', 'begin with the latest n publications').argParser(rewindCount).conflicts('from'),
    )
    .option('--from <position>', 'begin after this position')
    .option('--count <n>', 'end after n publications', positiveCount)
    .option('--presence', 'also print who is there, and who comes and goes')
  addClientOptions(command)
    .addHelpText(
      'after',
      clientHelp('tidings subscribe chat:lobby --rewind 10', 'tidings subscribe chat:lobby --count 1 | jq .data'),
    )
    .action(subscribe)
}

const rewindCount = (text: string): number => {
  const count = positiveCount(text)
  if (count <= MAX_REWIND) return count
  throw new InvalidArgumentError(`It must be at most ${MAX_REWIND}.`)
}

const subscribe = async (channel: string, flags: SubscribeFlags): Promise<void> => {
  checkChannel(channel)
  endWithReader()
  let interrupted: ExitCode | undefined
  const abort = new AbortController()
  onInterrupt((exitCode) => {
    interrupted = exitCode
    abort.abort()
  })
  const client = await connectClient(flags)
  tellState(client, notice)
  notice(`Connected to ${flags.url} as ${client.user ?? 'an anonymous user'}, session ${client.session}.`)
  const { rewind, from, presence } = flags
  const subscription = client.channel(channel).subscribe({ rewind, from, presence, signal: abort.signal })
  tellRefusals(subscription)
  subscription.on('caught-up', () => notice(`Caught up with ${channel}; what follows is live.`))
  if (presence === true) printPresence(subscription)
  try {
    await Promise.race([printItems(subscription, flags.count ?? Infinity), untilRevoked(client)])
  } catch (error) {
    throw error instanceof TidingsError ? failureError(error) : error
  } finally {
    client.close()
  }
  if (interrupted !== undefined) throw new CommandError(interrupted)
}

/** Says why the server does not let it in for now; the same reason once. */
export const tellRefusals = (subscription: Subscription): void => {
  let told: string | undefined
  subscription.on('state', ({ state, error }) => {
    if (state !== 'waiting') {
      told = undefined
    } else if (error?.retryable === true && error.message !== told) {
      told = error.message
      notice(`The server refuses for now: ${error.message} (${error.code}); trying again.`)
    }
  })
}

/** Members as lines, for as long as the subscription lasts. */
export const printPresence = (subscription: Subscription): void => {
  subscription.on('members', (members) => void writeLine({ kind: 'members', members }))
  subscription.on('member', ({ change, member }) => void writeLine({ kind: 'member', change, member }))
}

const printItems = async (items: AsyncIterable<SubscriptionItem>, count: number): Promise<void> => {
  let left = count
  for await (const item of items) {
    if (item.kind === 'gap') notice(gapSentence(item))
    else left -= 1
    await writeLine(itemLine(item))
    if (left === 0) return
  }
}
