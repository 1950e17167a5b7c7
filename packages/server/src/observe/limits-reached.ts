import type { Limits } from '../options.js'
import type { Logger } from './logger.js'

/** Limits whose reaching is counted: those that refuse, slow down or end somebody. `origins`: pages of other sites. `shares`: a user's
 * part of what the backend keeps. */
export type CountedLimit =
  | Extract<
      keyof Limits,
      | 'connectDeadlineMs'
      | 'maxFrameBytes'
      | 'maxFragments'
      | 'maxPayloadBytes'
      | 'maxPresenceBytes'
      | 'maxPresenceTotalBytes'
      | 'maxConnections'
      | 'maxConnectionsPerAddress'
      | 'maxConnectionsPerUser'
      | 'requestsPerSecond'
      | 'maxSubscriptions'
      | 'commandsPerSecond'
      | 'connectsPerSecond'
      | 'handshakesPerSecond'
      | 'failedTokensPerSecond'
      | 'bytesPerSecond'
      | 'historyBytesPerSecond'
      | 'publishesPerSecond'
      | 'maxOutboundBytes'
    >
  | 'origins'
  | 'shares'

/** Somebody was refused, slowed down or ended by this limit. No address: it is of everybody together. */
export type LimitReached = (limit: CountedLimit, remoteAddress?: string) => void

const QUIET_MS = 60_000

/**
 * Counts how often each limit was reached since the start. The operator is told of the first time, and then at most once a
 * minute: a flood must not fill the log.
 */
export class LimitsReached {
  readonly #logger: Logger
  readonly #monotonic: () => number
  readonly #counts = new Map<CountedLimit, number>()
  readonly #toldAtMs = new Map<CountedLimit, number>()

  constructor(logger: Logger, monotonic: () => number) {
    this.#logger = logger
    this.#monotonic = monotonic
  }

  readonly count: LimitReached = (limit, remoteAddress) => {
    const times = (this.#counts.get(limit) ?? 0) + 1
    this.#counts.set(limit, times)
    const nowMs = this.#monotonic()
    const toldAtMs = this.#toldAtMs.get(limit)
    if (toldAtMs !== undefined && nowMs - toldAtMs < QUIET_MS) return
    this.#toldAtMs.set(limit, nowMs)
    this.#logger.warn('a limit was reached', { limit, times, remoteAddress })
  }

  /** Limits that were never reached are left out. */
  get counts(): Readonly<Partial<Record<CountedLimit, number>>> {
    return Object.fromEntries(this.#counts)
  }
}
