import { jsonProblem, type Member, type PresenceCommand, type Reply } from '@tidings/protocol'
import type { PresenceStore } from '../backend/backend.js'
import type { Channel } from '../channels.js'
import type { PageTurns } from '../limits/page-turns.js'
import type { LimitReached } from '../observe/limits-reached.js'
import { errorReply } from '../session/errors.js'
import { type Identity, memberOf, type Session } from '../session/session.js'
import { type CommandHandler, type Gate, oneAtATime } from './command.js'
import type { PresenceEntries } from '../session/presence-entries.js'
import { paced } from './paced.js'

export interface PresenceParts {
  readonly gate: Gate
  readonly store: PresenceStore
  readonly entries: PresenceEntries
  readonly pages: PageTurns
  readonly maxPresenceBytes: number
  /** Channels one session may have entered. */
  readonly maxEntered: number
  readonly reached: LimitReached
}

export const presenceCommand =
  (parts: PresenceParts): CommandHandler<PresenceCommand> =>
  (session, identity, command) =>
    parts.gate.pass(identity, 'presence', command, (channel) => {
      if (!channel.presence) {
        return errorReply(command.id, 'presence-disabled', 'the rules of this channel have no presence')
      }
      if (command.action === 'get') {
        const read = (): Promise<Reply> => members(parts.store, channel, command.id)
        return oneAtATime(paced(parts.pages, session, identity, command.id, read))
      }
      if (command.action === 'leave') return leave(parts, session, channel, command.id)
      return put(parts, session, identity, channel, command)
    })

const members = async (store: PresenceStore, channel: Channel, id: number): Promise<Reply> => ({
  type: 'presence',
  id,
  channel: channel.name,
  members: await store.members(channel.name),
})

const leave = async ({ entries }: PresenceParts, session: Session, channel: Channel, id: number): Promise<Reply> => {
  if (!session.entered.has(channel.name)) return errorReply(id, 'not-present', 'this session did not enter the channel')
  session.leave(channel.name)
  await entries.leave(session, channel.name)
  return { type: 'presence', id, channel: channel.name }
}

const put = (
  parts: PresenceParts,
  session: Session,
  identity: Identity,
  channel: Channel,
  command: PresenceCommand,
): Reply | Promise<Reply> => {
  const { id, action, data = null } = command
  const { remoteAddress } = session.connection.handshake
  const problem = dataProblem(data, parts.maxPresenceBytes)
  if (problem !== undefined) {
    const [code, message] = problem
    if (code === 'payload-too-large') parts.reached('maxPresenceBytes', remoteAddress)
    return errorReply(id, code, message)
  }
  const isEntered = session.entered.has(channel.name)
  if (action === 'update' && !isEntered) {
    return errorReply(id, 'not-present', 'this session did not enter the channel')
  }
  if (!isEntered && session.entered.size >= parts.maxEntered) {
    parts.reached('maxSubscriptions', remoteAddress)
    return errorReply(id, 'too-many-subscriptions', `a session may enter ${parts.maxEntered} channels`)
  }
  const entry = { member: memberOf(identity), user: identity.user?.id ?? null, data }
  if (!parts.entries.hasRoom(channel.name, entry, identity.account.key)) {
    parts.reached('maxPresenceTotalBytes', remoteAddress)
    return errorReply(id, 'overloaded', 'presence data has as much memory as it may have, of you or of everybody')
  }
  session.enter(channel.name)
  return store(parts, session, identity.account.key, channel, id, entry)
}

const store = async (
  { entries }: PresenceParts,
  session: Session,
  account: string,
  channel: Channel,
  id: number,
  entry: Omit<Member, 'enteredAt'>,
): Promise<Reply> => {
  await entries.put(session, channel.name, entry, account)
  return { type: 'presence', id, channel: channel.name, member: entry.member }
}

const dataProblem = (data: unknown, maxBytes: number): ['bad-payload' | 'payload-too-large', string] | undefined => {
  const problem = jsonProblem(data)
  if (problem !== undefined) return ['bad-payload', `the presence data cannot be carried: ${problem}`]
  if (Buffer.byteLength(JSON.stringify(data)) <= maxBytes) return undefined
  return ['payload-too-large', `presence data may have ${maxBytes} bytes of JSON`]
}
