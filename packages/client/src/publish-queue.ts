import type { PublishCommand } from '@tidings/protocol'
import { backoffMs } from './backoff.js'
import type { Answer, Commands, NewCommand } from './commands.js'
import { onAbort } from './on-abort.js'
import type { Settings } from './settings.js'
import { startStopwatch, type Stopwatch } from './stopwatch.js'
import { type FailedResult, type Failure, failed } from './tidings-error.js'
import type { PublishResult } from './types.js'

/** How much data may be unacknowledged at once: more would only wait in the socket, before heartbeats. */
const IN_FLIGHT_BYTES = 262_144
/** Ids published with `echo: false` that are remembered. */
const MAX_UNHEARD_IDS = 10_000
/** The longest that setTimeout takes. */
const MAX_TIMER_MS = 2 ** 31 - 1

export type NewPublish = Extract<NewCommand, { readonly type: PublishCommand['type'] | undefined }>

interface Entry {
  readonly command: NewPublish
  readonly bytes: number
  readonly settle: (result: PublishResult) => void
  /** Since the first sending that may have been stored; undefined: certainly nothing was. */
  inDoubt?: Stopwatch | undefined
  /** As whom it was sent then: the ids of another user are others. */
  user?: string | null
  /** Why it is sent again: what the server answered last. */
  answer?: Failure['answer']
  isSent?: boolean
  attempt: number
  retryAtMs: number
}

/**
 * Publishes that wait for an acknowledgement, in the order they were made. Across sessions each is sent again with the
 * same id until it is acknowledged or refused, or so old that the server may have forgotten its id.
 */
export class PublishQueue {
  readonly #commands: Commands
  readonly #settings: Settings
  readonly #entries = new Set<Entry>()
  readonly #unheard = new Set<string>()
  #sentBytes = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #isScheduled = false
  #retryWindowMs = Infinity
  /** Monotonic: when the server said `connected`. */
  #openedAtMs = 0
  #user: string | null = null

  constructor(commands: Commands, settings: Settings) {
    this.#commands = commands
    this.#settings = settings
  }

  /** `isUnheard`: never to be handed out here. Only for random ids: another could be somebody else's too. */
  async add(
    command: NewPublish,
    bytes: number,
    signal: AbortSignal | undefined,
    isUnheard: boolean,
  ): Promise<PublishResult> {
    if (this.#entries.size >= this.#settings.maxQueuedPublishes) {
      return failed('queue-full', 'too many publishes wait', true)
    }
    return new Promise((resolve) => {
      const settle = (result: PublishResult): void => {
        off()
        resolve(result)
      }
      const entry: Entry = { command, bytes, settle, attempt: 0, retryAtMs: 0 }
      const off = onAbort(signal, () => this.#fail(entry, failed('aborted', 'aborted')))
      if (isUnheard) this.#rememberUnheard(`${command.channel} ${command.publicationId}`)
      this.#entries.add(entry)
      this.schedule()
    })
  }

  /** A session began. What may have been stored for another user cannot be asked about as this one. */
  opened(user: string | null, retryWindowMs: number): void {
    this.#user = user
    this.#retryWindowMs = retryWindowMs
    this.#openedAtMs = this.#settings.clock.monotonicMs()
    for (const entry of this.#entries) {
      if (entry.inDoubt && entry.user !== user) this.#fail(entry, failed('outcome-unknown', 'the user changed'))
    }
    this.schedule()
  }

  /** Whether this client published it and asked not to hear it. */
  isUnheard(channel: string, id: string): boolean {
    return this.#unheard.has(`${channel} ${id}`)
  }

  /** Sends what can be sent: one look at the queue a turn, however much happens in it. */
  schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    queueMicrotask(() => {
      this.#isScheduled = false
      this.#pump()
    })
  }

  /** Ends every publish: the sent ones as `outcome-unknown`, the others as told. */
  close(over: FailedResult): void {
    for (const entry of this.#entries) this.#fail(entry, over)
    this.schedule()
  }

  #rememberUnheard(key: string): void {
    this.#unheard.add(key)
    for (const oldest of this.#unheard) {
      if (this.#unheard.size <= MAX_UNHEARD_IDS) return
      this.#unheard.delete(oldest)
    }
  }

  #settle(entry: Entry, result: PublishResult): void {
    this.#entries.delete(entry)
    entry.settle(result)
  }

  #fail(entry: Entry, result: FailedResult): void {
    const { error } = entry.inDoubt ? failed('outcome-unknown', `it may be stored: ${result.error.message}`) : result
    this.#settle(entry, { ok: false, error: { ...error, answer: entry.answer } })
  }

  #pump(): void {
    clearTimeout(this.#timer)
    const nowMs = this.#settings.clock.monotonicMs()
    let nextMs = Infinity
    for (const entry of this.#entries) {
      const leftMs = (): number => this.#retryWindowMs - (entry.inDoubt?.() ?? -Infinity)
      const waitMs = entry.retryAtMs - nowMs
      if (leftMs() <= 0) {
        this.#fail(entry, failed('outcome-unknown', 'too old to be retried'))
        continue
      }
      const mayGo = this.#sentBytes < IN_FLIGHT_BYTES && !this.#commands.mustWait(entry.command)
      if (!entry.isSent && waitMs <= 0 && mayGo) this.#send(entry)
      nextMs = Math.min(nextMs, leftMs(), waitMs > 0 ? waitMs : Infinity)
    }
    if (nextMs < Infinity) this.#timer = setTimeout(() => this.#pump(), Math.min(nextMs, MAX_TIMER_MS))
  }

  #send(entry: Entry): void {
    const { limits } = this.#commands
    if (!limits) return
    if (entry.bytes > limits.maxPayloadBytes) {
      this.#fail(entry, failed('payload-too-large', `the server takes ${limits.maxPayloadBytes} bytes`))
      return
    }
    const sent = startStopwatch(this.#settings.clock)
    const command = this.#bounded(entry)
    if (!entry.inDoubt) entry.user = this.#user
    entry.inDoubt ??= sent
    entry.isSent = true
    this.#sentBytes += entry.bytes
    const onReply = (reply: Answer | undefined): void => {
      entry.isSent = false
      this.#sentBytes -= entry.bytes
      if (reply) this.#answered(entry, sent, reply)
      this.schedule()
    }
    this.#commands.send(command, onReply, entry.command)
  }

  /** A repeat says until when it may be stored: the network may hold it up until the server has forgotten its id. */
  #bounded({ command, inDoubt }: Entry): NewPublish {
    if (!inDoubt) return command
    const sinceOpenedMs = this.#settings.clock.monotonicMs() - this.#openedAtMs
    return { ...command, withinMs: Math.max(0, Math.floor(sinceOpenedMs + this.#retryWindowMs - inDoubt())) }
  }

  #answered(entry: Entry, sent: Stopwatch, reply: Answer): void {
    if (reply.type === 'published') {
      const { position, offset, time, durability, duplicate = false } = reply
      this.#settle(entry, { ok: true, position, offset, time, durability, duplicate })
    } else if (reply.type === 'error') {
      const { code, message, retryable } = reply
      // These two prove nothing, and no reply says anything about an earlier sending that was not answered.
      if (code !== 'unavailable' && code !== 'internal' && entry.inDoubt === sent) entry.inDoubt = undefined
      entry.retryAtMs = this.#settings.clock.monotonicMs() + backoffMs(entry.attempt++, this.#settings.backoff)
      if (!retryable) this.#fail(entry, failed(code, message))
      entry.answer = { code, message }
    }
  }
}
