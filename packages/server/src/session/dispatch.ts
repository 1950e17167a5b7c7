import type { Command, CommandType, ConnectCommand, Reply, UnsubscribeCommand } from '@tidings/protocol'
import type { CommandHandler } from '../commands/command.js'
import type { LimitReached } from '../observe/limits-reached.js'
import { describeError, type Logger } from '../observe/logger.js'
import type { CommandHead, Dispatch, Outcome } from './command-queue.js'
import { errorReply, knownFailure } from './errors.js'
import type { Session } from './session.js'

type CommandOf<Type extends CommandType> = Extract<Command, { readonly type: Type }>

/** One entry a command. `connect` and `unsubscribe` need no right; the others need a session that has connected. */
export type CommandTable = {
  readonly connect: (session: Session, command: ConnectCommand) => Outcome
  readonly unsubscribe: (session: Session, command: UnsubscribeCommand) => Outcome
} & {
  readonly [Type in Exclude<CommandType, 'connect' | 'unsubscribe'>]: CommandHandler<CommandOf<Type>>
}

/** Commands that a well-behaved client sends without end; the others are counted. */
const UNCOUNTED: readonly CommandType[] = ['publish', 'ping', 'connect']

/** Routes commands to the table. Nothing that a handler or the application's own code throws gets past it. */
export const createDispatch = (table: CommandTable, logger: Logger, reached: LimitReached): Dispatch => {
  const failed = ({ type, id }: CommandHead, error: unknown): Reply => {
    const known = knownFailure(error)
    if (known !== undefined) return errorReply(id, known.code, known.message)
    logger.error('a command failed unexpectedly', { command: type, ...describeError(error) })
    return errorReply(id, 'internal', 'the server failed to handle this command; its log says why')
  }

  const route = (session: Session, command: Command): Outcome => {
    const { identity } = session
    if (command.type === 'connect') return table.connect(session, command)
    if (identity === undefined) return errorReply(command.id, 'not-connected', 'connect must succeed first')
    if (!UNCOUNTED.includes(command.type) && !session.rateLimit.take()) {
      reached('commandsPerSecond', session.connection.handshake.remoteAddress)
      return errorReply(command.id, 'rate-limited', 'too many commands; slow down')
    }
    switch (command.type) {
      case 'subscribe':
        return table.subscribe(session, identity, command)
      case 'unsubscribe':
        return table.unsubscribe(session, command)
      case 'publish':
        return table.publish(session, identity, command)
      case 'history':
        return table.history(session, identity, command)
      case 'presence':
        return table.presence(session, identity, command)
      case 'refresh':
        return table.refresh(session, identity, command)
      case 'ping':
        return table.ping(session, identity, command)
    }
  }

  const handle = (session: Session, command: Command): Outcome => {
    try {
      return route(session, command)
    } catch (error) {
      return failed(command, error)
    }
  }

  return { handle, failed }
}
