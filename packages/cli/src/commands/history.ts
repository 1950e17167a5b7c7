import type { Channel, HistoryOptions, HistoryPage } from '@tidings/client'
import { type Command, InvalidArgumentError, Option } from 'commander'
import {
  addClientOptions,
  checkChannel,
  type ClientFlags,
  connectClient,
  failureError,
  positiveCount,
  withDeadline,
} from '../client-options.js'
import { clientHelp } from '../help.js'
import { onInterrupt } from '../interrupt.js'
import { gapSentence, itemLine } from '../items.js'
import { endWithReader, notice, writeLine } from '../output.js'

interface HistoryFlags extends ClientFlags {
  readonly limit: number
  readonly backward?: true
  readonly from?: string
  /** Milliseconds since 1970. */
  readonly at?: number
  readonly all?: true
}

const DEFAULT_LIMIT = 100
const PAGE_LIMIT = 1000

export const addHistory = (program: Command): void => {
  const command = program
    .command('history')
    .summary('print what a channel keeps')
    .description(
      'Prints the publications that a channel keeps, oldest first, as one line of JSON each on standard output, and on ' +
        'standard error the position to go on from.',
    )
    .argument('<channel>', 'such as chat:lobby')
    .addOption(
      new Option('--limit <n>', 'print at most n publications').argParser(positiveCount).default(DEFAULT_LIMIT),
    )
    .addOption(new Option('--all', 'print everything').conflicts('limit'))
    .option('--backward', 'newest first')
    .option('--from <position>', 'go on after this position (with --backward: before it)')
    .addOption(
      new Option('--at <time>', 'begin at this time: 2026-11-22T10:00:00Z, or milliseconds since 1970')
        .argParser(parseTime)
        .conflicts('from'),
    )
  addClientOptions(command)
    .addHelpText(
      'after',
      clientHelp('tidings history chat:lobby --backward --limit 10', 'tidings history chat:lobby --all > lobby.jsonl'),
    )
    .action(history)
}

const parseTime = (text: string): number => {
  const timeMs = /^\d+$/.test(text) ? Number(text) : Date.parse(text)
  if (Number.isSafeInteger(timeMs) && timeMs >= 0) return timeMs
  throw new InvalidArgumentError('It must be a time such as 2026-11-22T10:00:00Z, or milliseconds since 1970.')
}

const history = async (channel: string, flags: HistoryFlags): Promise<void> => {
  checkChannel(channel)
  endWithReader()
  onInterrupt((exitCode) => process.exit(exitCode))
  const client = await connectClient(flags)
  try {
    await printPages(client.channel(channel), flags)
  } finally {
    client.close()
  }
}

const printPages = async (
  channel: Channel,
  { limit, all, backward, from, at, timeout }: HistoryFlags,
): Promise<void> => {
  const direction = backward === true ? 'backward' : 'forward'
  let left = all === true ? Infinity : limit
  let start: Pick<HistoryOptions, 'from' | 'at'> = { from, at }
  let page: HistoryPage
  do {
    const asked = channel.history({ direction, ...start, limit: Math.min(left, PAGE_LIMIT) })
    const result = await withDeadline(timeout, asked)
    if (!result.ok) throw failureError(result.error)
    page = result
    await printPage(page)
    left -= page.items.length
    start = { from: page.position }
  } while (left > 0 && page.more)
  notice(`Next position: ${page.position}${page.more ? '' : ' (there is nothing more now)'}`)
}

const printPage = async ({ gap, items }: HistoryPage): Promise<void> => {
  if (gap !== null) {
    notice(gapSentence(gap))
    await writeLine(itemLine(gap))
  }
  for (const item of items) await writeLine(itemLine(item))
}
