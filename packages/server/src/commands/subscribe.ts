import {
  ERROR_CODES,
  type Reply,
  type SlowPolicy,
  type SubscribeCommand,
  type UnsubscribeCommand,
} from '@tidings/protocol'
import type { Refusal } from '../access/access.js'
import type { Cursor, Log } from '../backend/backend.js'
import type { Channel } from '../channels.js'
import { address, variantOf } from '../fanout/encode.js'
import type { Feed } from '../fanout/feed.js'
import type { Hub } from '../fanout/hub.js'
import type { PresenceFeeds } from '../fanout/presence-feed.js'
import { type PageReads, Subscription } from '../fanout/subscription.js'
import type { Account } from '../limits/account.js'
import type { PageTurns } from '../limits/page-turns.js'
import type { LimitReached } from '../observe/limits-reached.js'
import type { Action } from '../options.js'
import { type Answer, ReplyThen } from '../session/command-queue.js'
import { errorReply } from '../session/errors.js'
import type { Session } from '../session/session.js'
import { HeldSubscription } from '../session/held-subscription.js'
import type { CommandHandler, Gate } from './command.js'

export interface SubscribeParts {
  readonly gate: Gate
  readonly log: Log
  readonly hub: Hub
  readonly presence: PresenceFeeds
  readonly pages: PageTurns
  readonly maxSubscriptions: number
  readonly reached: LimitReached
}

const subscriptionKey = (channel: string, sub: number): string => `${sub} ${channel}`

export const subscribeCommand = (parts: SubscribeParts): CommandHandler<SubscribeCommand> => {
  return (session, identity, command) =>
    parts.gate.passSubscribing(identity, rightsToBegin(command), command, (channel) => {
      const key = subscriptionKey(channel.name, command.sub ?? 0)
      const refusal = refusalOf(parts, session, channel, command)
      if (refusal !== undefined) return refusal
      const held = new HeldSubscription(channel.name, rightsToLast(command), key, session.subscriptions, parts)
      const answer = subscribe(parts, session, identity.account, channel, command, held)
      session.settingUp += 1
      held.settled = answer
        .catch(() => held.end())
        .then(() => {
          session.settingUp -= 1
          held.settled = undefined
        })
      return answer
    })
}

type Rights = readonly [Action, ...Action[]]

const PLAIN: Rights = ['subscribe']
const WITH_MEMBERS: Rights = ['subscribe', 'presence']

/** Members are told to whoever may ask for them. */
const rightsToLast = ({ presence }: SubscribeCommand): Rights => (presence === true ? WITH_MEMBERS : PLAIN)

/** A rewind reads the history. */
const rightsToBegin = (command: SubscribeCommand): Rights =>
  command.rewind === undefined ? rightsToLast(command) : [...rightsToLast(command), 'history']

const refusalOf = (
  { maxSubscriptions, reached }: SubscribeParts,
  session: Session,
  channel: Channel,
  { id, sub = 0, presence, rewind }: SubscribeCommand,
): Reply | undefined => {
  if (session.subscriptions.has(subscriptionKey(channel.name, sub))) {
    return errorReply(id, 'already-subscribed', 'this session has such a subscription; choose another sub')
  }
  if (session.subscriptions.size >= maxSubscriptions) {
    reached('maxSubscriptions', session.connection.handshake.remoteAddress)
    return errorReply(id, 'too-many-subscriptions', `a session may have ${maxSubscriptions} subscriptions`)
  }
  if (presence === true && !channel.presence) {
    return errorReply(id, 'presence-disabled', 'the rules of this channel have no presence')
  }
  if (rewind !== undefined && channel.log.history === null) {
    return errorReply(id, 'history-disabled', 'the channel keeps no history to rewind')
  }
  return undefined
}

const subscribe = async (
  { hub, log, presence, pages: turns }: SubscribeParts,
  session: Session,
  account: Account,
  channel: Channel,
  command: SubscribeCommand,
  held: HeldSubscription,
): Promise<Answer> => {
  const { id, sub = 0, policy = defaultPolicy(channel) } = command
  const { outbound, codec, isDeflated } = session.connection
  const feed = await hub.acquire(channel.log, account.key)
  held.takeFeed(feed)
  const cursor = await startCursor(log, feed, channel, command)
  const variant = variantOf(codec, sub, isDeflated)
  const pages: PageReads = { run: (read) => turns.run(account, read) }
  const subscription = new Subscription({ feed, log, variant, outbound, policy, owner: session, pages }, cursor)
  held.subscription = subscription
  if (command.presence === true) {
    held.takePresence(await presence.acquire(channel.name), { codec, outbound, sub })
  }
  if (held.ended) {
    const { code, message } = held.refusal ?? ENDED_EARLY
    return errorReply(id, code, message)
  }
  const reply: Reply = { type: 'subscribed', id, ...address(channel.name, sub), position: cursor.position }
  return new ReplyThen(reply, () => {
    held.begun = true
    if (held.ended) return tellEnd(session, held, sub)
    if (command.presence !== true) return subscription.start()
    // The list of members may be long; what the channel brings comes after it.
    const sendMembers = (): Promise<number> => Promise.resolve(held.ended ? 0 : held.startPresence())
    void pages.run(sendMembers).then(() => subscription.start())
  })
}

const ENDED_EARLY: Refusal = { code: 'not-subscribed', message: 'the subscription was ended before it began' }

/** The server ends it, and the client is told once that it has begun; if it has not, by the reply. */
export const endSubscription = (session: Session, held: HeldSubscription, refusal: Refusal): void => {
  if (held.ended) return
  held.end(refusal)
  if (held.begun) tellEnd(session, held, held.subscription?.variant.sub ?? 0)
}

const tellEnd = (session: Session, { channel, refusal }: HeldSubscription, sub: number): void => {
  if (refusal === undefined) return
  const { code, message } = refusal
  const { retryable } = ERROR_CODES[code]
  session.connection.outbound.send({ type: 'subscription-ended', ...address(channel, sub), code, message, retryable })
}

const defaultPolicy = (channel: Channel): SlowPolicy => (channel.log.history === null ? 'skip' : 'catch-up')

const startCursor = (log: Log, feed: Feed, channel: Channel, command: SubscribeCommand): Cursor | Promise<Cursor> => {
  // The offset of a client's position is the backend's to say: the first page tells it.
  if (command.from !== undefined) return { position: command.from, offset: -1 }
  return command.rewind === undefined ? feed.cursor : log.rewind(channel.log, command.rewind)
}

/** Not gated: whoever has a subscription may end it. */
export const unsubscribe = (session: Session, { id, channel, sub = 0 }: UnsubscribeCommand): Reply => {
  const held = session.subscriptions.get(subscriptionKey(channel, sub))
  if (held === undefined) return errorReply(id, 'not-subscribed', 'this session has no such subscription')
  held.end()
  return { type: 'unsubscribed', id, ...address(channel, sub) }
}
