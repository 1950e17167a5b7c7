import { randomId } from '../random-id.js'
import type { PublishCommand, PublishedReply, Reply } from '@tidings/protocol'
import type { Log, NewPublication, Payload } from '../backend/backend.js'
import type { Channel } from '../channels.js'
import type { LimitReached } from '../observe/limits-reached.js'
import { Admission, type Outcome } from '../session/command-queue.js'
import { errorReply } from '../session/errors.js'
import type { Identity, Session } from '../session/session.js'
import { checkData, type Checked } from './check-data.js'
import type { Gate } from './command.js'

export interface PublishParts {
  readonly gate: Gate
  readonly log: Log
  readonly maxPayloadBytes: number
  readonly monotonic: () => number
  /** For how long clients repeat a publish. */
  readonly retryWindowMs: number
  readonly reached: LimitReached
}

/** `sentAfterMs`: monotonic; the client sent the command later than this. */
export type PublishHandler = (
  session: Session,
  identity: Identity,
  command: PublishCommand,
  sentAfterMs: number,
) => Outcome

export const publishCommand = ({
  gate,
  log,
  maxPayloadBytes,
  monotonic,
  retryWindowMs,
  reached,
}: PublishParts): PublishHandler => {
  return (session, identity, command, sentAfterMs) =>
    gate.passPublishing(identity, command, (channel) => {
      const store = (checked: Checked): Outcome => {
        if (!checked.ok) {
          if (checked.code === 'payload-too-large') {
            reached('maxPayloadBytes', session.connection.handshake.remoteAddress)
          }
          return errorReply(command.id, checked.code, checked.message)
        }
        if (!channel.publishes.take(identity.account)) {
          reached('publishesPerSecond', session.connection.handshake.remoteAddress)
          return errorReply(command.id, 'rate-limited', 'too many publications on this channel; slow down')
        }
        // Until then its id is remembered, if this is a repeat. The client may know it better.
        const { withinMs } = command
        const heldUntilMs = sentAfterMs + channel.log.dedupeWindowMs - retryWindowMs
        const untilMs = withinMs === undefined ? heldUntilMs : session.connectedAtMs + withinMs
        const leftMs = untilMs - monotonic()
        if (leftMs < 0 && command.publicationId !== undefined) return errorReply(command.id, 'unavailable', TOO_OLD)
        const mutedFor = command.echo === false ? session.id : undefined
        const publication = newPublication(identity, command, checked.payload, leftMs, mutedFor)
        return publish(log, channel, command.id, publication)
      }
      const checked = checkData(channel, command.data, maxPayloadBytes)
      const settingUp = subscriptionsBeingSetUp(session, channel.name)
      if (settingUp === undefined && !(checked instanceof Promise)) return store(checked)
      const decide = async (): Promise<() => Outcome> => {
        const [late] = await Promise.all([checked, settingUp])
        return () => store(late)
      }
      return new Admission(decide())
    })
}

const TOO_OLD = 'the publish waited for so long that its id may be forgotten; send it again'

/**
 * A class, because V8 makes objects of a literal in the old generation once it has seen some grow old: they then keep
 * payloads until a full collection, 60 MB more of them when publications are large.
 */
class PlainPublication implements NewPublication {
  readonly id: string
  readonly scope: string
  readonly publisher: string | null
  readonly payload: Payload
  readonly maxWaitMs: number
  readonly account: string

  constructor({ scope, user, account }: Identity, id: string, payload: Payload, maxWaitMs: number) {
    this.id = id
    this.scope = scope
    this.publisher = user?.id ?? null
    this.account = account.key
    this.payload = payload
    this.maxWaitMs = maxWaitMs
  }
}

const newPublication = (
  identity: Identity,
  { publicationId, key, tags }: PublishCommand,
  payload: Payload,
  maxWaitMs: number,
  mutedFor: string | undefined,
): NewPublication => {
  // Most are plain, and spreading costs more than all the rest.
  const isPlain = key === undefined && tags === undefined && mutedFor === undefined
  if (publicationId !== undefined && isPlain) {
    return new PlainPublication(identity, publicationId, payload, maxWaitMs)
  }
  const { scope, user, account } = identity
  return {
    ...(publicationId === undefined ? newId() : { id: publicationId, maxWaitMs }),
    ...{ scope, publisher: user?.id ?? null, payload, account: account.key },
    ...(key === undefined ? undefined : { key }),
    ...(tags === undefined ? undefined : { tags }),
    ...(mutedFor === undefined ? undefined : { mutedFor }),
  }
}

/** The client sent none, so it cannot repeat it either. */
const newId = (): Pick<NewPublication, 'id' | 'isUnrepeatable'> => ({
  id: randomId(12),
  isUnrepeatable: true,
})

/** Who subscribes and then publishes expects to see the publication: it waits until the subscription has its start. */
const subscriptionsBeingSetUp = (session: Session, channel: string): Promise<unknown> | undefined => {
  if (session.settingUp === 0) return undefined
  let settled: Promise<unknown> | undefined
  for (const held of session.subscriptions.values()) {
    if (held.settled === undefined || held.channel !== channel) continue
    settled = settled === undefined ? held.settled : Promise.all([settled, held.settled])
  }
  return settled
}

/** `id`: of the command. Nothing else of it is kept until the answer, so that its data is not kept twice. */
const publish = (log: Log, channel: Channel, id: number, publication: NewPublication): Promise<Reply> => {
  const { id: publicationId } = publication
  return log.publish(channel.log, publication).then(({ offset, position, time, durability, duplicate }) => {
    const reply: PublishedReply = { type: 'published', id, position, offset, time, publicationId, durability }
    return duplicate ? { ...reply, duplicate } : reply
  })
}
