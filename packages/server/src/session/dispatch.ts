import type { Command, CommandType, ConnectCommand, ErrorCode, UnsubscribeCommand } from '@tidings/protocol'
import type { CommandHandler } from '../commands/command.js'
import type { PublishHandler } from '../commands/publish.js'
import type { LimitReached } from '../observe/limits-reached.js'
import type { Observer } from '../observe/observer.js'
import { type Dispatch, headOf, type Outcome } from './command-queue.js'
import { errorReply, isOverShare, knownFailure } from './errors.js'
import type { Identity, Session } from './session.js'

type CommandOf<Type extends CommandType> = Extract<Command, { readonly type: Type }>

/** One entry a command. `connect` and `unsubscribe` need no right; the others need a session that has connected. */
export type CommandTable = {
  readonly connect: (session: Session, command: ConnectCommand) => Outcome
  readonly unsubscribe: (session: Session, command: UnsubscribeCommand) => Outcome
  readonly publish: PublishHandler
} & {
  readonly [Type in Exclude<CommandType, 'connect' | 'unsubscribe' | 'publish'>]: CommandHandler<CommandOf<Type>>
}

/** Commands that a well-behaved client sends without end; the others are counted. */
const UNCOUNTED: readonly CommandType[] = ['publish', 'ping', 'connect']

/** The command that answers with one of these has told the operator more than the code. */
const TOLD: readonly ErrorCode[] = ['unauthorized', 'too-many-connections', 'internal']

/** Anonymous clients of one address share a rate that is larger than one user's, and each has that of one user. */
const isWithinRate = (session: Session, { user, account }: Identity): boolean =>
  account.commands.take() && (user !== null || session.rateLimit.take())

/** Routes commands to the table. Nothing that a handler or the application's own code throws gets past it. */
export const createDispatch = (table: CommandTable, observer: Observer, reached: LimitReached): Dispatch => {
  const failed: Dispatch['failed'] = (session, { type: command, id, channel }, error) => {
    const known = knownFailure(error)
    if (isOverShare(error)) reached('shares', session.connection.handshake.remoteAddress)
    if (known !== undefined) return errorReply(id, known.code, known.message)
    observer.failed({ text: 'a command failed unexpectedly', error, command, channel, ...session.actor })
    return errorReply(id, 'internal', 'the server failed to handle this command; its log says why')
  }

  const refused: Dispatch['refused'] = (session, command, { code }) => {
    if (TOLD.includes(code)) return
    observer.refused({ code, command: command?.type, channel: command?.channel, ...session.actor })
  }

  const route = (session: Session, command: Command, sentAfterMs: number): Outcome => {
    const { identity } = session
    if (command.type === 'connect') return table.connect(session, command)
    if (identity === undefined) return errorReply(command.id, 'not-connected', 'connect must succeed first')
    if (!UNCOUNTED.includes(command.type) && !isWithinRate(session, identity)) {
      reached('commandsPerSecond', session.connection.handshake.remoteAddress)
      return errorReply(command.id, 'rate-limited', 'too many commands; slow down')
    }
    switch (command.type) {
      case 'subscribe':
        return table.subscribe(session, identity, command)
      case 'unsubscribe':
        return table.unsubscribe(session, command)
      case 'publish':
        return table.publish(session, identity, command, sentAfterMs)
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

  const handle = (session: Session, command: Command, sentAfterMs: number): Outcome => {
    try {
      return route(session, command, sentAfterMs)
    } catch (error) {
      return failed(session, headOf(command), error)
    }
  }

  return { handle, failed, refused }
}
