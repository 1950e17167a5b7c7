import type { ErrorReply, RefreshCommand, RefreshedReply } from '@tidings/protocol'
import type { Access, Refusal } from '../access/access.js'
import { type Authenticator, credentialOf, type Identification } from '../access/authenticator.js'
import type { FailedTokens } from '../access/failed-tokens.js'
import { earlierThan, TOO_MANY_TOKENS } from '../access/session-tokens.js'
import type { TokenExpiry } from '../access/token-expiry.js'
import type { Channels } from '../channels.js'
import type { Action } from '../options.js'
import { Admission, type Outcome } from '../session/command-queue.js'
import { errorReply } from '../session/errors.js'
import type { PresenceEntries } from '../session/presence-entries.js'
import type { Identity, Session } from '../session/session.js'
import type { CommandHandler } from './command.js'
import type { ConnectParts } from './connect.js'
import { endSubscription } from './subscribe.js'

export interface RefreshParts extends Pick<ConnectParts, 'failed' | 'refused'> {
  readonly authenticator: Authenticator
  readonly failedTokens: FailedTokens
  readonly expiry: TokenExpiry
  readonly access: Access
  readonly channels: Channels
  readonly entries: PresenceEntries
  readonly now: () => number
}

/** What a token that holds changes. */
interface Renewal {
  readonly identity: Identity
  readonly decision: Identification
  /** Ends what the session has and may not have any more. */
  readonly endLost: () => void
}

/**
 * Takes the next token of a session. Later commands wait for it and are judged by it; what the session has already is judged
 * again, and ends where the right is gone. A token that is refused changes nothing. The session remembers the tokens before it.
 */
export const refreshCommand = (parts: RefreshParts): CommandHandler<RefreshCommand> => {
  const refresh = (session: Session, identity: Identity, command: RefreshCommand): Outcome =>
    new Admission(
      renew(parts, session, identity, command).then(
        (renewal) => () => {
          if ('type' in renewal) return renewal
          if (!parts.authenticator.isCurrent(renewal.decision)) return refresh(session, identity, command)
          session.identify(renewal.identity)
          parts.expiry.watch(session, renewal.decision.token?.endsAtMs)
          renewal.endLost()
          const reply: RefreshedReply = { type: 'refreshed', id: command.id }
          return reply
        },
        (error: unknown) => () => {
          parts.failed(session, 'refresh', error, credentialOf(session.connection.handshake, command.token))
          return errorReply(command.id, 'internal', 'the server failed to check the token; its log says why')
        },
      ),
    )
  return refresh
}

const renew = async (
  parts: RefreshParts,
  session: Session,
  identity: Identity,
  { id, token }: RefreshCommand,
): Promise<Renewal | ErrorReply> => {
  if (!parts.failedTokens.hasRoom(session, token)) {
    return errorReply(id, 'rate-limited', 'too many tokens from your address did not hold; try again later')
  }
  const decision = await parts.authenticator.decide(session.connection.handshake, { token, client: undefined })
  if (decision.kind === 'undecided') {
    parts.refused(session, { code: 'undecided', why: decision.message, command: 'refresh' })
    return errorReply(id, 'internal', decision.message)
  }
  if (decision.kind === 'refused') {
    parts.failedTokens.count(session)
    parts.refused(session, { code: decision.code, why: decision.message, command: 'refresh' })
    return errorReply(id, 'unauthorized', decision.message)
  }
  if (decision.user?.id !== identity.user?.id) {
    return errorReply(id, 'user-changed', 'the token is of another user; connect anew with it')
  }
  const earlierTokens = earlierThan(decision.token, identity, parts.now())
  if (earlierTokens === undefined) return errorReply(id, 'rate-limited', TOO_MANY_TOKENS)
  const next: Identity = { ...identity, user: decision.user, token: decision.token, earlierTokens }
  return { identity: next, decision, endLost: await lostRights(parts, session, next) }
}

/** Asks for everything that the session has; gives what ends the part that it may not have any more. */
const lostRights = async (parts: RefreshParts, session: Session, identity: Identity): Promise<() => void> => {
  const ends: (() => void)[] = []
  const judge = async (name: string, actions: readonly Action[], end: (refusal: Refusal) => void): Promise<void> => {
    const found = parts.channels.find(name)
    for (const action of actions) {
      const refusal = found.ok ? await parts.access.check(identity, action, found.channel) : found
      if (refusal !== undefined) return void ends.push(() => end(refusal))
    }
  }
  const { entries } = parts
  await Promise.all([
    ...[...session.subscriptions.values()].map((held) =>
      judge(held.channel, held.actions, (refusal) => endSubscription(session, held, refusal)),
    ),
    ...[...session.entered].map((channel) =>
      judge(channel, ['presence'], () => {
        session.leave(channel)
        entries.leaveQuietly(session, channel)
      }),
    ),
  ])
  return () => {
    for (const end of ends) end()
  }
}
