import type { JsonValue, PresenceCommand, PresenceReply } from '@tidings/protocol'
import type { Asks } from './asks.js'
import { type BackoffBounds, backoffMs } from './backoff.js'
import { plainData } from './plain-data.js'
import type { FailedResult } from './tidings-error.js'
import type { ChannelPresence } from './types.js'

interface Entry {
  data: JsonValue | undefined
  /** Whether the server confirmed it: from then on every session enters again. */
  isIn: boolean
}

const plain = (data: JsonValue | undefined) => (data === undefined ? data : (plainData(data).data as JsonValue))

/** Where this client is present, and what makes it so again after a reconnect. */
export class Presence {
  readonly #asks: Asks
  readonly #backoff: BackoffBounds
  readonly #entries = new Map<string, Entry>()

  constructor(asks: Asks, backoff: BackoffBounds) {
    this.#asks = asks
    this.#backoff = backoff
  }

  opened(): void {
    for (const [channel, entry] of this.#entries) if (entry.isIn) void this.#enter(channel, entry, 0)
  }

  of(channel: string): ChannelPresence {
    const change = async (
      action: 'update' | 'leave',
      data?: JsonValue,
    ): Promise<{ readonly ok: true } | FailedResult> => {
      const reply = await this.#ask(channel, action, data)
      return 'ok' in reply ? reply : { ok: true }
    }
    return {
      enter: async (data) => {
        const entry: Entry = { data: plain(data), isIn: false }
        this.#entries.set(channel, entry)
        const reply = await this.#enter(channel, entry)
        return 'ok' in reply ? reply : { ok: true, member: reply.member ?? '' }
      },
      update: async (data) => {
        const copy = plain(data)
        const result = await change('update', copy)
        const entry = this.#entries.get(channel)
        if (result.ok && entry) entry.data = copy
        return result
      },
      leave: async () => {
        this.#entries.delete(channel)
        const result = await change('leave')
        return result.ok || result.error.code !== 'not-present' ? result : { ok: true }
      },
      get: async () => {
        const reply = await this.#ask(channel, 'get')
        return 'ok' in reply ? reply : { ok: true, members: reply.members ?? [] }
      },
    }
  }

  #ask(channel: string, action: PresenceCommand['action'], data?: JsonValue): Promise<PresenceReply | FailedResult> {
    return this.#asks.ask('presence', { type: 'presence', channel, action, data })
  }

  /** `attempt` counts those of entering again, which goes on while the failure is retryable. */
  async #enter(channel: string, entry: Entry, attempt?: number): Promise<PresenceReply | FailedResult> {
    entry.isIn = false
    const reply = await this.#ask(channel, 'enter', entry.data)
    const isCurrent = (): boolean => this.#entries.get(channel) === entry
    if (!('ok' in reply)) {
      entry.isIn = true
    } else if (isCurrent() && attempt !== undefined && reply.error.retryable) {
      setTimeout(() => isCurrent() && this.#enter(channel, entry, attempt + 1), backoffMs(attempt, this.#backoff))
    } else if (isCurrent()) {
      this.#entries.delete(channel)
    }
    return reply
  }
}
