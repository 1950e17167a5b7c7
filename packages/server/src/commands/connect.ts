import type { ConnectCommand, ConnectedReply } from '@tidings/protocol'
import { type Authenticator, credentialOf, type Identification } from '../access/authenticator.js'
import { addressGroup } from '../access/address-group.js'
import type { FailedTokens } from '../access/failed-tokens.js'
import type { ConnectionLimits } from '../access/connection-limits.js'
import type { TokenExpiry } from '../access/token-expiry.js'
import type { Account } from '../limits/account.js'
import type { Accounts } from '../limits/accounts.js'
import type { LimitReached } from '../observe/limits-reached.js'
import type { Refusal } from '../observe/observer.js'
import type { Limits, User } from '../options.js'
import { Admission, type Answer, type Outcome, ReplyThen } from '../session/command-queue.js'
import { errorReply } from '../session/errors.js'
import type { Identity, Session } from '../session/session.js'

export interface ConnectParts {
  readonly authenticator: Authenticator
  readonly expiry: TokenExpiry
  readonly connections: Pick<ConnectionLimits, 'letUserIn'>
  readonly accounts: Accounts
  readonly failedTokens: FailedTokens
  readonly reached: LimitReached
  readonly limits: Limits
  readonly pingIntervalMs: number
  readonly retryWindowMs: number
  readonly now: () => number
  /** Tells the operator why it could not be found out who this is. `token`: must not get into a log. */
  readonly failed: (session: Session, command: 'connect' | 'refresh', error: unknown, token: string | undefined) => void
  /** Tells the operator who got which session. */
  readonly connected: (session: Session) => void
  /** Tells the operator who was refused, and why. */
  readonly refused: (session: Session, refusal: Refusal) => void
}

/** The first command of a session: turns what the client brought into a user. */
export const connectCommand = (parts: ConnectParts) => {
  const letIn = (session: Session, { id, client }: ConnectCommand, decision: Identification): Answer => {
    const { user, token } = decision
    const { remoteAddress } = session.connection.handshake
    const account = accountOf(parts.accounts, user, session)
    if (user !== null && !account.connects.take()) {
      parts.reached('connectsPerSecond', remoteAddress)
      return comeBackLater(session, id, 'you connected too often of late; slow down')
    }
    if (user !== null && !parts.connections.letUserIn(user.id, remoteAddress)) {
      parts.refused(session, { code: 'too-many-connections', command: 'connect', user: user.id })
      const refusal = errorReply(id, 'too-many-connections', 'you have as many connections as a user may')
      return new ReplyThen(refusal, () => session.disconnect(4006))
    }
    account.holders += 1
    session.identify(identify(session, decision, client, account))
    parts.expiry.watch(session, token?.endsAtMs)
    parts.connected(session)
    return connectedReply(parts, session, id)
  }

  const connect = (session: Session, command: ConnectCommand): Outcome => {
    if (session.identity !== undefined) return errorReply(command.id, 'already-connected', 'this session has connected')
    const { token, client } = command
    if (!parts.failedTokens.hasRoom(session, token)) {
      return comeBackLater(session, command.id, 'too many tokens from your address did not hold; try again later')
    }
    return new Admission(
      parts.authenticator.decide(session.connection.handshake, { token, client }).then(
        (decision) => () => {
          if (decision.kind === 'undecided') {
            parts.refused(session, { code: 'undecided', why: decision.message, command: 'connect' })
            return tryLater(session, command.id, decision.message)
          }
          if (decision.kind === 'refused') {
            parts.failedTokens.count(session)
            parts.refused(session, { code: decision.code, why: decision.message, command: 'connect' })
            const refusal = errorReply(command.id, 'unauthorized', decision.message)
            return new ReplyThen(refusal, () => session.disconnect(4501))
          }
          return parts.authenticator.isCurrent(decision) ? letIn(session, command, decision) : connect(session, command)
        },
        (error: unknown) => () => {
          parts.failed(session, 'connect', error, credentialOf(session.connection.handshake, token))
          return tryLater(session, command.id, 'the server failed to find out who this is; its log says why')
        },
      ),
    )
  }
  return connect
}

const comeBackLater = (session: Session, id: number, message: string): ReplyThen =>
  new ReplyThen(errorReply(id, 'rate-limited', message), () => session.disconnect(4007))

const tryLater = (session: Session, id: number, message: string): ReplyThen =>
  new ReplyThen(errorReply(id, 'internal', message), () => session.disconnect(4004))

/** A user's own; anonymous clients share that of their address. */
const accountOf = (accounts: Accounts, user: User | null, { connection }: Session): Account =>
  user === null ? accounts.ofAddress(addressGroup(connection.handshake.remoteAddress)) : accounts.ofUser(user.id)

const identify = (
  session: Session,
  { user, token }: Identification,
  client: string | undefined,
  account: Account,
): Identity => {
  const own = client ?? session.id
  return { user, token, scope: user === null ? `client:${own}` : `user:${user.id}`, client: own, account }
}

const connectedReply = (parts: ConnectParts, session: Session, id: number): ConnectedReply => {
  const { maxFrameBytes, maxPayloadBytes, maxSubscriptions, maxHistoryPage } = parts.limits
  return {
    type: 'connected',
    id,
    session: session.id,
    user: session.identity?.user?.id ?? null,
    time: parts.now(),
    pingIntervalMs: parts.pingIntervalMs,
    retryWindowMs: parts.retryWindowMs,
    limits: { maxFrameBytes, maxPayloadBytes, maxSubscriptions, maxHistoryPage },
  }
}
