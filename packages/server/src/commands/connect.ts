import { createHash } from 'node:crypto'
import type { ConnectCommand, ConnectedReply } from '@tidings/protocol'
import { devUser } from '../access/dev-identity.js'
import type { Authenticate, Identified, Limits, User } from '../options.js'
import { Admission, type Outcome, ReplyThen } from '../session/command-queue.js'
import { errorReply } from '../session/errors.js'
import type { Identity, Session } from '../session/session.js'

const MAX_USER_ID_LENGTH = 128

export interface ConnectParts {
  /** undefined: everybody is anonymous. */
  readonly authenticate: Authenticate | undefined
  readonly dev: boolean
  readonly limits: Limits
  readonly pingIntervalMs: number
  readonly retryWindowMs: number
  readonly now: () => number
  /** Tells the operator what `authenticate` threw. */
  readonly failed: (error: unknown) => void
}

/** The first command of a session: turns what the client brought into a user. */
export const connectCommand =
  (parts: ConnectParts) =>
  (session: Session, command: ConnectCommand): Outcome => {
    if (session.identity !== undefined) return errorReply(command.id, 'already-connected', 'this session has connected')
    return new Admission(
      authenticate(parts, session, command).then(
        (user) => () => {
          if (user === false) {
            const refusal = errorReply(command.id, 'unauthorized', 'the connection was refused')
            return new ReplyThen(refusal, () => session.disconnect(4501))
          }
          session.identify(identify(session, user, command.client))
          return connectedReply(parts, session, command.id)
        },
        (error: unknown) => () => {
          parts.failed(error)
          const reply = errorReply(
            command.id,
            'internal',
            'the server failed to find out who this is; its log says why',
          )
          return new ReplyThen(reply, () => session.disconnect(4004))
        },
      ),
    )
  }

const authenticate = async (
  { authenticate: decide, dev }: ConnectParts,
  session: Session,
  { token, client }: ConnectCommand,
): Promise<Identified> => {
  if (decide === undefined) return dev ? devUser(token, client) : null
  const user = await decide({ ...session.connection.handshake, token })
  if (user === null || user === false) return user
  if (typeof user.id !== 'string' || user.id.length === 0 || user.id.length > MAX_USER_ID_LENGTH) {
    throw new Error(
      `authenticate must give null, false or a user whose id is a string of 1 to ${MAX_USER_ID_LENGTH} characters`,
    )
  }
  return user
}

const identify = (session: Session, user: User | null, client: string | undefined): Identity => {
  const own = client ?? session.id
  const scope = user === null ? `client:${own}` : `user:${user.id}`
  const member = createHash('sha256').update(`${scope}\0${own}`).digest('base64url').slice(0, 16)
  return { user, scope, member }
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
