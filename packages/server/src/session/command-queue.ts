import type { Command, ErrorReply, Reply } from '@tidings/protocol'
import { TurnTally } from '../transport/turn.js'
import type { Session } from './session.js'

/** A reply, and what to do once it is on its way. */
export class ReplyThen {
  readonly reply: Reply
  readonly afterwards: () => void

  constructor(reply: Reply, afterwards: () => void) {
    this.reply = reply
    this.afterwards = afterwards
  }
}

/** The answer of a command whose reply was sent already. */
export const SENT = Symbol('sent')

export type Answer = Reply | ReplyThen | typeof SENT

/**
 * What handling a command gives: its answer, now or later; or an `Admission`, for commands that must be let in before the
 * next command of the session may be looked at (connect, or a publish whose schema or rule is asynchronous).
 */
export type Outcome = Answer | Promise<Answer> | Admission

export class Admission {
  readonly decided: Promise<() => Outcome>

  /** `decided` gives what to do once admitted; the session's later commands wait for it. */
  constructor(decided: Promise<() => Outcome>) {
    this.decided = decided
  }
}

/** What is left of a command once it was handled: its data must not wait in memory for the answer. */
export interface CommandHead extends Pick<Command, 'type' | 'id'> {
  readonly channel: string | undefined
}

export interface Dispatch {
  /** Handles one command, which the client sent after `sentAfterMs` (monotonic). Must not throw. */
  handle(session: Session, command: Command, sentAfterMs: number): Outcome
  /** Turns a rejection into the command's error reply. */
  failed(session: Session, command: CommandHead, error: unknown): Reply
  /** Told of every error reply, without a head when the command was malformed. */
  refused(session: Session, command: CommandHead | undefined, reply: ErrorReply): void
}

export const headOf = (command: Command): CommandHead => ({
  type: command.type,
  id: command.id,
  channel: 'channel' in command ? command.channel : undefined,
})

/** A command and since when it may have been on its way, or the error reply of one that was malformed. */
export type Received = { readonly command: Command; readonly sentAfterMs: number } | { readonly reply: Reply }

/** Then the others have their turn: a full socket may bring thousands at once. */
const MAX_COST_IN_TURN = 128
/** A publish or a ping costs 1; what makes something that stays, or reads a page, about so much. */
const COSTS: Readonly<Partial<Record<Command['type'], number>>> = { subscribe: 8, presence: 8, history: 8 }

/**
 * A session's commands in the order they came. Order: each is started only when the one before it was admitted; replies
 * may overtake each other. With too many unanswered, too many in one turn, or a peer that does not take its replies, the
 * connection is not read from, so the queue is bounded by what one read brings.
 */
export class CommandQueue {
  readonly #session: Session
  readonly #dispatch: Dispatch
  readonly #maxInFlight: number
  #waiting: Received[] = []
  #next = 0
  #inFlight = 0
  #admitting = false
  #running = false
  #paused = false
  #awaitsDrain = false
  #ended = false
  readonly #cost = new TurnTally()
  #givesWay = false

  constructor(session: Session, dispatch: Dispatch, maxInFlight: number) {
    this.#session = session
    this.#dispatch = dispatch
    this.#maxInFlight = maxInFlight
  }

  push(received: Received): void {
    if (this.#ended) return
    this.#waiting.push(received)
    this.#run()
  }

  /** Forgets what was not started, and what was not admitted yet. What the peer still sends is read again. */
  end(): void {
    this.#ended = true
    this.#forgetStarted()
    this.#regulateReading()
  }

  #forgetStarted(): void {
    this.#waiting = []
    this.#next = 0
  }

  #run(): void {
    if (this.#running || this.#givesWay) return
    this.#running = true
    while (!this.#mustWait()) {
      const received = this.#waiting[this.#next]
      if (received === undefined || !this.#hasTurn(received)) break
      this.#next += 1
      this.#start(received)
    }
    if (this.#next >= this.#waiting.length) this.#forgetStarted()
    this.#running = false
    this.#regulateReading()
  }

  /** Whether it may be started in this turn of the event loop; if not, it goes on in the next one. */
  #hasTurn(received: Received): boolean {
    const { turn } = this.#session.connection.outbound
    if (this.#cost.of(turn) >= MAX_COST_IN_TURN) {
      this.#givesWay = true
      setImmediate(() => {
        this.#givesWay = false
        this.#run()
      })
      return false
    }
    this.#cost.add(turn, 'command' in received ? (COSTS[received.command.type] ?? 1) : 1)
    return true
  }

  #mustWait(): boolean {
    return this.#admitting || this.#inFlight >= this.#maxInFlight || this.#session.connection.outbound.isFull
  }

  #regulateReading(): void {
    const { connection } = this.#session
    const mustPause = this.#waiting.length > 0
    if (mustPause !== this.#paused) {
      this.#paused = mustPause
      if (mustPause) connection.pause()
      else connection.resume()
    }
    if (!mustPause || this.#awaitsDrain || !connection.outbound.isFull) return
    this.#awaitsDrain = true
    connection.outbound.whenDrained(() => {
      this.#awaitsDrain = false
      this.#run()
    })
  }

  #start(received: Received): void {
    this.#inFlight += 1
    if ('reply' in received) return this.#answer(undefined, received.reply)
    const { command, sentAfterMs } = received
    this.#settle(headOf(command), this.#dispatch.handle(this.#session, command, sentAfterMs))
  }

  #settle(command: CommandHead, outcome: Outcome): void {
    const fail = (error: unknown): void => this.#answer(command, this.#dispatch.failed(this.#session, command, error))
    if (outcome instanceof Admission) {
      this.#admitting = true
      const admitted = (proceed: () => Outcome): void => {
        this.#admitting = false
        if (this.#ended) return // Nobody would release what it takes.
        try {
          this.#settle(command, proceed())
        } catch (error) {
          fail(error)
        }
        this.#run()
      }
      const refused = (error: unknown): void => {
        this.#admitting = false
        fail(error)
      }
      outcome.decided.then(admitted, refused)
    } else if (outcome instanceof Promise) {
      outcome.then((answer) => this.#answer(command, answer), fail)
    } else {
      this.#answer(command, outcome)
    }
  }

  #answer(command: CommandHead | undefined, answer: Answer): void {
    this.#inFlight -= 1
    if (answer !== SENT) {
      const reply = answer instanceof ReplyThen ? answer.reply : answer
      if (reply.type === 'error') this.#dispatch.refused(this.#session, command, reply)
      this.#session.reply(reply)
      if (answer instanceof ReplyThen) answer.afterwards()
    }
    this.#run()
  }
}
