import type { Position } from '@tidings/protocol'
import type { Findings } from './findings.js'
import type { AcknowledgedEvent, EventOf, HistoryEvent, ItemEvent } from './history.js'

export type Acknowledged = AcknowledgedEvent & { readonly atMs: number }
export type Item = ItemEvent & { readonly atMs: number }

/** Somebody was told that this publication has this offset. */
export type Evidence = EventOf<'acknowledged'> | EventOf<'item'>

interface Place {
  readonly content: string
  readonly evidence: Evidence
}

/** Acknowledgements of a log in the order they came, with the largest offset up to each. */
interface Highest {
  readonly atMs: number
  readonly sentMs: number
  readonly offset: number
  readonly run: number | undefined
  readonly event: HistoryEvent
}

/**
 * One log of one channel, put together from what everybody was told of it. A content (publisher, id and data) stands at
 * one offset, and an offset has one content.
 */
class ChannelLog {
  readonly places = new Map<number, Place>()
  readonly offsets = new Map<string, Place & { readonly offset: number }>()
  readonly acknowledged: Highest[] = []
}

/** Every log of the history, and every position that anybody was told. */
export class ChannelLogs {
  readonly #findings: Findings
  readonly #logs = new Map<string, ChannelLog>()
  readonly #positions = new Map<string, Place & { readonly offset: number }>()

  constructor(findings: Findings) {
    this.#findings = findings
  }

  /** Notes what an acknowledgement or a delivery said. `log` undefined: it is not known of which log it is. */
  add(channel: string, log: string | undefined, content: string, evidence: Evidence): void {
    this.#addPosition(channel, content, evidence)
    if (log !== undefined) this.#addPlace(log, content, evidence)
  }

  /** A log begins as another one was: everything acknowledged there before `beforeMs` is in it. */
  inherit(log: string, parent: string, beforeMs: number): void {
    for (const { content, evidence } of this.#log(parent).places.values()) {
      if (evidence.kind === 'acknowledged' && evidence.atMs < beforeMs) this.#addPlace(log, content, evidence)
    }
    this.#log(log).acknowledged.push(...this.#log(parent).acknowledged.filter(({ atMs }) => atMs < beforeMs))
  }

  /** After it was added: counts as acknowledged from `atMs` on. */
  acknowledged(log: string, sentMs: number, event: Acknowledged): void {
    this.#log(log).acknowledged.push({ atMs: event.atMs, sentMs, offset: event.offset, run: event.run, event })
  }

  /** What is known to be at an offset. */
  at(log: string, offset: number): { readonly content: string; readonly evidence: Evidence } | undefined {
    return this.#log(log).places.get(offset)
  }

  /** Whether a content is known to be anywhere in a log. */
  has(log: string, content: string): boolean {
    return this.#log(log).offsets.has(content)
  }

  /** The publication that a position names, if it was seen. */
  named(channel: string, position: Position): { readonly content: string; readonly offset: number } | undefined {
    return this.#positions.get(`${channel} ${position}`)
  }

  /** The offset that a position names, if a publication with it was seen. */
  offsetOf(channel: string, position: Position): number | undefined {
    return this.named(channel, position)?.offset
  }

  /** The acknowledged publication with the largest offset of those acknowledged by then, and sent after `sentAfterMs`. */
  highest(log: string, acknowledgedByMs: number, sentAfterMs = -Infinity): Highest | undefined {
    let highest: Highest | undefined
    for (const each of this.#log(log).acknowledged) {
      if (each.atMs <= acknowledgedByMs && each.sentMs > sentAfterMs && each.offset > (highest?.offset ?? -1)) {
        highest = each
      }
    }
    return highest
  }

  #log(name: string): ChannelLog {
    let log = this.#logs.get(name)
    if (log === undefined) {
      log = new ChannelLog()
      this.#logs.set(name, log)
    }
    return log
  }

  #addPosition(channel: string, content: string, evidence: Evidence): void {
    const key = `${channel} ${evidence.position}`
    const known = this.#positions.get(key)
    if (known === undefined) {
      this.#positions.set(key, { content, evidence, offset: evidence.offset })
      return
    }
    if (known.content === content && known.offset === evidence.offset) return
    const summary = `position ${evidence.position} names two publications`
    this.#findings.violation('C7', 'one position, one publication', summary, [known.evidence, evidence])
  }

  #addPlace(name: string, content: string, evidence: Evidence): void {
    const log = this.#log(name)
    const { offset } = evidence
    const known = log.places.get(offset)
    const elsewhere = log.offsets.get(content)
    if (known === undefined) log.places.set(offset, { content, evidence })
    else this.#agree(known, content, evidence)
    if (elsewhere === undefined) {
      log.offsets.set(content, { content, evidence, offset })
    } else if (elsewhere.offset !== offset) {
      const summary = `one publication was stored twice, as #${elsewhere.offset} and as #${offset}`
      this.#findings.violation('C5', 'stored once', summary, [elsewhere.evidence, evidence])
    }
  }

  #agree(known: Place, content: string, evidence: Evidence): void {
    if (evidence.kind === 'acknowledged' || known.evidence.kind === 'acknowledged') this.#findings.eligible('C4')
    else this.#findings.eligible('C1')
    if (known.content === content) return
    const events = [known.evidence, evidence]
    if (known.evidence.run !== evidence.run) {
      const was = known.evidence.kind === 'acknowledged' ? 'acknowledged' : 'delivered'
      const summary = `#${evidence.offset} is another publication than the one that was ${was} before the restart`
      this.#findings.violation('C4', 'kept through a restart', summary, events)
    } else {
      const summary = `two publications have the offset ${evidence.offset}`
      this.#findings.violation('C1', 'one order for all', summary, events)
    }
  }
}
