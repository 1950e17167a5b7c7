import type { ChannelLogs } from './channel-logs.js'
import type { Findings } from './findings.js'
import type { ChannelFacts, EventOf, HistoryEvent } from './history.js'
import type { Stores } from './stores.js'
import type { Stream } from './stream.js'

export interface LatenessParts {
  readonly channel: ChannelFacts
  readonly logs: ChannelLogs
  readonly stores: Stores
  readonly findings: Findings
  readonly deadlineMs: number
  readonly stream: Stream
}

/**
 * Checks one subscription against the deadline. It counts while things are calm and the subscription is joined: what was
 * acknowledged must be there, or be inside a gap, at most the deadline later.
 */
export class Lateness {
  readonly #parts: LatenessParts
  #calmMs: number | undefined
  #joined: EventOf<'joined'> | undefined

  constructor(parts: LatenessParts) {
    this.#parts = parts
  }

  joined(event: EventOf<'joined'>): void {
    this.#joined = event
  }

  /** Before the stream takes the item. */
  item(item: EventOf<'item'>): void {
    const { channel, logs, stores, findings, deadlineMs } = this.#parts
    const sinceMs = this.#sinceMs()
    if (sinceMs === undefined || item.run === undefined) return
    const known = logs.at(stores.logOf(channel, item.run), item.offset)
    if (known?.evidence.kind !== 'acknowledged') return
    findings.eligible('C3')
    const lateMs = item.atMs - Math.max(sinceMs, known.evidence.atMs) - deadlineMs
    if (lateMs <= 0) return
    const summary = `#${item.offset} came ${Math.round(lateMs)} ms after the deadline`
    findings.violation('C3', 'in time', summary, [known.evidence, this.#joined, item])
  }

  calm(atMs: number): void {
    this.#calmMs = atMs
  }

  /** The subscription left, lost its connection, or things are broken from here on, or the history ends. */
  over(event: HistoryEvent, what: 'calm' | 'joined'): void {
    this.#checkMissing(event)
    if (what === 'calm') this.#calmMs = undefined
    else this.#joined = undefined
  }

  #sinceMs(): number | undefined {
    if (this.#calmMs === undefined || this.#joined === undefined) return undefined
    return Math.max(this.#calmMs, this.#joined.atMs)
  }

  #checkMissing(event: HistoryEvent): void {
    const { channel, logs, stores, findings, deadlineMs, stream } = this.#parts
    const sinceMs = this.#sinceMs()
    const dueMs = event.atMs - deadlineMs
    const run = this.#joined?.run
    if (sinceMs === undefined || run === undefined || dueMs < sinceMs) return
    const { offset } = stream
    // Whose offset is not known has what was sent after it joined.
    const sentAfterMs = offset === undefined ? this.#joined?.atMs : undefined
    const highest = logs.highest(stores.logOf(channel, run), dueMs, sentAfterMs)
    if (highest === undefined) return
    findings.eligible('C3')
    if (offset !== undefined && stream.hasAllTo(highest.offset)) return
    const where = offset === undefined ? 'has nothing' : `is still at #${offset}`
    const summary = `#${highest.offset} was acknowledged, and ${deadlineMs} ms later the subscription ${where}`
    findings.violation('C3', 'in time', summary, [stream.at, this.#joined, highest.event, event])
  }
}
