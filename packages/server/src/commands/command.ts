import type { ErrorReply } from '@tidings/protocol'
import type { Access, Refusal } from '../access/access.js'
import type { Channel, Channels } from '../channels.js'
import type { Action } from '../options.js'
import { Admission, type Answer, type Outcome } from '../session/command-queue.js'
import { errorReply } from '../session/errors.js'
import type { Identity, Session } from '../session/session.js'

/** Handles one type of command of a session that has connected. */
export type CommandHandler<Command> = (session: Session, identity: Identity, command: Command) => Outcome

interface ChannelCommand {
  readonly id: number
  readonly channel: string
}

/** Finds the channel of a command and asks whether the user may. `proceed` runs at once if the answer is known at once. */
export class Gate {
  readonly #channels: Channels
  readonly #access: Access
  readonly #isInUse: (channel: Channel) => boolean | Promise<boolean>

  /** `isInUse`: whether a channel has stored publications, members or subscribers. */
  constructor(channels: Channels, access: Access, isInUse: (channel: Channel) => boolean | Promise<boolean>) {
    this.#channels = channels
    this.#access = access
    this.#isInUse = isInUse
  }

  /** For `publish`, and for `create` if the channel is not in use. */
  passPublishing(identity: Identity, command: ChannelCommand, proceed: (channel: Channel) => Outcome): Outcome {
    return this.pass(identity, 'publish', command, (channel) =>
      this.#passCreating(identity, 'publish', command.id, channel, proceed),
    )
  }

  /** For all of these rights, and for `create` if the channel is not in use. */
  passSubscribing(
    identity: Identity,
    actions: readonly [Action, ...Action[]],
    command: ChannelCommand,
    proceed: (channel: Channel) => Outcome,
  ): Outcome {
    return this.passAll(identity, actions, command, (channel) =>
      this.#passCreating(identity, 'subscribe', command.id, channel, proceed),
    )
  }

  /** Asks the application only where it matters. */
  #passCreating(
    identity: Identity,
    by: 'publish' | 'subscribe',
    id: number,
    channel: Channel,
    proceed: (channel: Channel) => Outcome,
  ): Outcome {
    if (this.#access.isCreateImplied(by, channel)) return proceed(channel)
    const isInUse = this.#isInUse(channel)
    if (isInUse === true) return proceed(channel)
    const decide = async (): Promise<Refusal | undefined> =>
      (await isInUse) ? undefined : this.#access.check(identity, 'create', channel)
    return new Admission(
      decide().then((refusal) => () => (refusal === undefined ? proceed(channel) : refuse(id, refusal))),
    )
  }

  /** For all of these rights, asked one after the other. */
  passAll(
    identity: Identity,
    [action, ...more]: readonly [Action, ...Action[]],
    command: ChannelCommand,
    proceed: (channel: Channel) => Outcome,
  ): Outcome {
    const [next, ...rest] = more
    if (next === undefined) return this.pass(identity, action, command, proceed)
    return this.pass(identity, action, command, () => this.passAll(identity, [next, ...rest], command, proceed))
  }

  pass(identity: Identity, action: Action, command: ChannelCommand, proceed: (channel: Channel) => Outcome): Outcome {
    const found = this.#channels.find(command.channel)
    if (!found.ok) return errorReply(command.id, found.code, found.message)
    const { channel } = found
    const refusal = this.#access.check(identity, action, channel)
    if (refusal === undefined) return proceed(channel)
    if (!(refusal instanceof Promise)) return refuse(command.id, refusal)
    return new Admission(
      refusal.then((late) => () => (late === undefined ? proceed(channel) : refuse(command.id, late))),
    )
  }
}

/** For a large answer: the session's next command waits for it, so that only one of them is held for a slow peer. */
export const oneAtATime = (answer: Promise<Answer>): Admission => new Admission(answer.then((settled) => () => settled))

const refuse = (id: number, { code, message }: Pick<ErrorReply, 'code' | 'message'>): ErrorReply =>
  errorReply(id, code, message)
