import type { JsonValue, PresenceCommand, PresenceReply } from '@tidings/protocol'
import type { Asks } from './asks.js'
import { type BackoffBounds, backoffMs } from './backoff.js'
import type { Commands, NewCommand, OnReply } from './commands.js'
import { jsonCopy } from './plain-data.js'
import type { FailedResult } from './tidings-error.js'
import type { ChannelPresence } from './types.js'

/** Where this client is present, or asked to be. */
interface Entry {
  /** As the server confirmed it: every new session enters with it again. */
  data?: JsonValue | undefined
  isIn: boolean
  /** Calls of `enter` and `update` so far, and the latest one that was confirmed. Replies may overtake each other. */
  calls: number
  confirmed: number
  /** A new one for each session and each call of `enter`; earlier attempts to enter again are over then. */
  turn: number
  /** Until it enters again. */
  timer?: ReturnType<typeof setTimeout>
}

const presenceCommand = (channel: string, action: PresenceCommand['action'], data?: JsonValue) =>
  ({ type: 'presence', channel, action, data }) satisfies NewCommand

const confirm = (entry: Entry, call: number, data: JsonValue | undefined): void => {
  if (call < entry.confirmed) return
  entry.confirmed = call
  entry.data = data
}

/** Where this client is present, and what makes it so again after a reconnect. */
export class Presence {
  readonly #asks: Asks
  readonly #commands: Commands
  readonly #backoff: BackoffBounds
  readonly #entries = new Map<string, Entry>()

  constructor(asks: Asks, commands: Commands, backoff: BackoffBounds) {
    this.#asks = asks
    this.#commands = commands
    this.#backoff = backoff
  }

  opened(): void {
    for (const [channel, entry] of this.#entries) if (entry.isIn) this.#enterAgain(channel, entry, ++entry.turn, 0)
  }

  /** Until a session is open again. */
  close(): void {
    for (const { timer } of this.#entries.values()) clearTimeout(timer)
  }

  /** For good, or because another user is connected. */
  forget(): void {
    this.close()
    this.#entries.clear()
  }

  of(channel: string): ChannelPresence {
    return {
      enter: async (data) => this.#enter(channel, jsonCopy(data)),
      update: async (data) => {
        const copy = jsonCopy(data)
        const entry = this.#entries.get(channel)
        const call = entry ? ++entry.calls : 0
        const reply = await this.#ask(channel, 'update', copy)
        if ('ok' in reply) return reply
        if (entry) confirm(entry, call, copy)
        return { ok: true }
      },
      leave: async () => {
        this.#entries.delete(channel)
        const reply = await this.#ask(channel, 'leave')
        return 'ok' in reply && reply.error.code !== 'not-present' ? reply : { ok: true }
      },
      get: async () => {
        const reply = await this.#ask(channel, 'get')
        return 'ok' in reply ? reply : { ok: true, members: reply.members ?? [] }
      },
    }
  }

  #ask(channel: string, action: PresenceCommand['action'], data?: JsonValue): Promise<PresenceReply | FailedResult> {
    return this.#asks.ask('presence', presenceCommand(channel, action, data))
  }

  async #enter(channel: string, data: JsonValue | undefined): ReturnType<ChannelPresence['enter']> {
    const entry = this.#entries.get(channel) ?? { isIn: false, calls: 0, confirmed: 0, turn: 0 }
    this.#entries.set(channel, entry)
    entry.turn++
    const call = ++entry.calls
    const reply = await this.#ask(channel, 'enter', data)
    if ('ok' in reply) return reply
    confirm(entry, call, data)
    entry.isIn = true
    return { ok: true, member: reply.member ?? '' }
  }

  /** Goes on while the failure is retryable. When the session ends first, the next one begins with it. */
  #enterAgain(channel: string, entry: Entry, turn: number, attempt: number): void {
    const again = (): void => {
      if (this.#entries.get(channel) === entry && entry.turn === turn) {
        this.#enterAgain(channel, entry, turn, attempt + 1)
      }
    }
    const later = (): void => {
      clearTimeout(entry.timer)
      entry.timer = setTimeout(again, backoffMs(attempt, this.#backoff))
    }
    if (this.#commands.mustWait(entry)) {
      later()
      return
    }
    const onReply: OnReply = (reply) => {
      if (reply?.type !== 'error') return
      if (reply.retryable) later()
      else if (entry.turn === turn) entry.isIn = false
    }
    this.#commands.send(presenceCommand(channel, 'enter', entry.data), onReply, entry)
  }
}
