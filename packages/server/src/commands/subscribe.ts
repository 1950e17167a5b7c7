import type { Reply, SlowPolicy, SubscribeCommand, UnsubscribeCommand } from '@tidings/protocol'
import type { Cursor, Log } from '../backend/backend.js'
import type { Channel } from '../channels.js'
import { address } from '../fanout/encode.js'
import type { Feed } from '../fanout/feed.js'
import type { Hub } from '../fanout/hub.js'
import type { PresenceFeeds } from '../fanout/presence-feed.js'
import { Subscription } from '../fanout/subscription.js'
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
  readonly maxSubscriptions: number
}

const subscriptionKey = (channel: string, sub: number): string => `${sub} ${channel}`

export const subscribeCommand = (parts: SubscribeParts): CommandHandler<SubscribeCommand> => {
  return (session, identity, command) =>
    parts.gate.pass(identity, 'subscribe', command, (channel) => {
      const key = subscriptionKey(channel.name, command.sub ?? 0)
      const refusal = refusalOf(parts, session, channel, command)
      if (refusal !== undefined) return refusal
      // Held from now on, so that an unsubscribe that follows at once finds it.
      const held = new HeldSubscription(channel.name)
      held.onEnd(() => {
        if (session.subscriptions.get(key) === held) session.subscriptions.delete(key)
      })
      session.subscriptions.set(key, held)
      session.settingUp.add(held)
      const answer = subscribe(parts, session, channel, command, held)
        .catch((error: unknown) => {
          held.end()
          throw error
        })
        .finally(() => session.settingUp.delete(held))
      held.settled = answer.catch(() => undefined)
      return answer
    })
}

const refusalOf = (
  { maxSubscriptions }: SubscribeParts,
  session: Session,
  channel: Channel,
  { id, sub = 0, presence, rewind }: SubscribeCommand,
): Reply | undefined => {
  if (session.subscriptions.has(subscriptionKey(channel.name, sub))) {
    return errorReply(id, 'already-subscribed', 'this session has such a subscription; choose another sub')
  }
  if (session.subscriptions.size >= maxSubscriptions) {
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
  { hub, log, presence }: SubscribeParts,
  session: Session,
  channel: Channel,
  command: SubscribeCommand,
  held: HeldSubscription,
): Promise<Answer> => {
  const { id, sub = 0, policy = defaultPolicy(channel) } = command
  const { outbound, codec } = session.connection
  const feed = await hub.acquire(channel.log)
  held.onEnd(() => hub.release(feed))
  const cursor = await startCursor(log, feed, channel, command)
  const disconnectSlow = (): void => session.disconnect(4002)
  const subscription = new Subscription({ feed, log, codec, outbound, sub, policy, disconnectSlow }, cursor)
  held.onEnd(() => subscription.end())
  held.subscription = subscription
  const startPresence =
    command.presence === true ? await joinPresence(presence, session, channel, sub, held) : undefined
  if (held.ended) return errorReply(id, 'not-subscribed', 'the subscription was ended before it began')
  const reply: Reply = { type: 'subscribed', id, ...address(channel.name, sub), position: cursor.position }
  return new ReplyThen(reply, () => {
    startPresence?.()
    subscription.start()
  })
}

const joinPresence = async (
  presence: PresenceFeeds,
  { connection: { codec, outbound } }: Session,
  channel: Channel,
  sub: number,
  held: HeldSubscription,
): Promise<() => void> => {
  const feed = await presence.acquire(channel.name)
  const subscriber = { codec, outbound, sub }
  held.onEnd(() => {
    feed.remove(subscriber)
    presence.release(feed)
  })
  return () => {
    if (!held.ended) feed.add(subscriber)
  }
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
