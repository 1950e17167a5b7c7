import { type ChannelDefinition, type ChannelMatch, channelNameProblem, type Contract } from '@tidings/contract'
import type { Durability, ErrorCode } from '@tidings/protocol'
import type { LogChannel } from './backend/backend.js'
import { PublishRate } from './limits/publish-rate.js'
import type { Rate } from './limits/rate-limit.js'

/** A channel that exists, with everything the server decides by. */
export interface Channel {
  readonly name: string
  readonly log: LogChannel
  readonly match: ChannelMatch
  readonly presence: boolean
  /** Publications of clients. */
  readonly publishes: PublishRate
}

export type ChannelLookup =
  | { readonly ok: true; readonly channel: Channel }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string }

/** Of channels whose rules say nothing of it. */
export const DEFAULT_DEDUPE_WINDOW_MS = 120_000
const MAX_CACHED = 10_000

/** What a channel outside the contract is under the dev profile. */
const DEV_DEFINITION: ChannelDefinition = { history: { maxCount: 10_000, maxBytes: 64 * 1024 * 1024 }, presence: true }

/** Finds channels by name; the result for one name is cached. */
export class Channels {
  readonly #contract: Contract | undefined
  readonly #dev: boolean
  readonly #safest: Durability
  readonly #publishRate: Rate
  readonly #cache = new Map<string, Channel>()
  #maxCached = MAX_CACHED

  /**
   * `safest`: the durability of channels with history that ask for none in particular. `publishRate`: of clients to one
   * channel.
   */
  constructor(contract: Contract | undefined, dev: boolean, safest: Durability, publishRate: Rate) {
    this.#contract = contract
    this.#dev = dev
    this.#safest = safest
    this.#publishRate = publishRate
  }

  find(name: string): ChannelLookup {
    const cached = this.#cache.get(name)
    if (cached !== undefined) return { ok: true, channel: cached }
    const problem = channelNameProblem(name)
    if (problem !== undefined) return { ok: false, code: 'bad-channel', message: `the channel name ${problem}` }
    const match =
      this.#contract?.match(name) ?? (this.#dev ? { pattern: '', params: {}, definition: DEV_DEFINITION } : undefined)
    if (match === undefined) {
      return { ok: false, code: 'unknown-channel', message: 'no pattern of the contract matches this channel' }
    }
    const channel = this.#build(name, match)
    if (this.#cache.size >= this.#maxCached) this.#forgetQuiet()
    this.#cache.set(name, channel)
    return { ok: true, channel }
  }

  /** The shortest dedupe window of all channels, in milliseconds. */
  shortestDedupeWindowMs(): number {
    const definitions = Object.values(this.#contract?.channels ?? {})
    const windows = definitions.map(({ dedupeWindowMs }) => dedupeWindowMs ?? DEFAULT_DEDUPE_WINDOW_MS)
    return Math.min(DEFAULT_DEDUPE_WINDOW_MS, ...windows)
  }

  /** Those to which nobody published of late: what others have left of their rate must not be forgotten. */
  #forgetQuiet(): void {
    for (const [name, { publishes }] of this.#cache) if (publishes.isFull) this.#cache.delete(name)
    this.#maxCached = Math.max(MAX_CACHED, 2 * this.#cache.size)
  }

  #rateOf({ limits = {} }: ChannelDefinition): Rate {
    const { perSecond, burst, monotonic } = this.#publishRate
    const { publishesPerSecond = perSecond, publishBurst = Math.max(burst, publishesPerSecond) } = limits
    return { perSecond: publishesPerSecond, burst: publishBurst, monotonic }
  }

  #build(name: string, match: ChannelMatch): Channel {
    const { definition } = match
    const history = definition.history ?? null
    return {
      name,
      match,
      presence: definition.presence ?? false,
      publishes: new PublishRate(this.#rateOf(definition)),
      log: {
        name,
        history,
        durability: definition.durability ?? (history === null ? 'none' : this.#safest),
        dedupeWindowMs: definition.dedupeWindowMs ?? DEFAULT_DEDUPE_WINDOW_MS,
      },
    }
  }
}
