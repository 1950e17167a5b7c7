import type { HistoryCommand, HistoryReply } from '@tidings/protocol'
import type { Log, ReadRequest } from '../backend/backend.js'
import type { Channel } from '../channels.js'
import { toPublication } from '../fanout/encode.js'
import type { PageTurns } from '../limits/page-turns.js'
import { errorReply } from '../session/errors.js'
import { type CommandHandler, type Gate, oneAtATime } from './command.js'
import { paced } from './paced.js'

const DEFAULT_LIMIT = 100
const PAGE_BYTES = 262_144
/** To a connection that reads slowly: so that a page does not take much longer than the largest publication. */
const SLOW_PAGE_BYTES = 65_536

export interface HistoryParts {
  readonly gate: Gate
  readonly log: Log
  readonly pages: PageTurns
  readonly maxHistoryPage: number
}

/** One page of a channel's history; the server's own handle reads the same way. */
export const readHistory = async (
  log: Log,
  channel: Channel,
  { direction = 'forward', from, at, limit = DEFAULT_LIMIT }: Omit<HistoryCommand, 'type' | 'id' | 'channel'>,
  maxHistoryPage: number,
  maxBytes = PAGE_BYTES,
): Promise<Omit<HistoryReply, 'id'>> => {
  const start = from ?? (at === undefined ? undefined : { time: at })
  const request: ReadRequest = {
    direction,
    limit: Math.min(limit, maxHistoryPage),
    maxBytes,
    ...(start === undefined ? undefined : { from: start }),
  }
  const { gap, publications, end, more } = await log.read(channel.log, request)
  return {
    type: 'history',
    channel: channel.name,
    publications: publications.map(toPublication),
    ...(gap === null ? undefined : { gap }),
    position: end.position,
    more,
  }
}

export const historyCommand =
  ({ gate, log, pages, maxHistoryPage }: HistoryParts): CommandHandler<HistoryCommand> =>
  (session, identity, command) =>
    gate.pass(identity, 'history', command, (channel) => {
      if (channel.log.history === null)
        return errorReply(command.id, 'history-disabled', 'the channel keeps no history')
      return oneAtATime(
        paced(pages, session, identity, command.id, async () => {
          const maxBytes = session.connection.outbound.readsSlowly ? SLOW_PAGE_BYTES : PAGE_BYTES
          return { ...(await readHistory(log, channel, command, maxHistoryPage, maxBytes)), id: command.id }
        }),
      )
    })
