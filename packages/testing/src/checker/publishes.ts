import type { Findings } from './findings.js'
import type { Acknowledged, ChannelLogs } from './channel-logs.js'
import type { ChannelFacts, EventOf, History } from './history.js'
import type { Stores } from './stores.js'

type Publish = EventOf<'publish'>
type Outcome = EventOf<'rejected'> | EventOf<'unknown'> | Acknowledged

interface Attempt {
  readonly sent: Publish
  readonly channel: ChannelFacts
  outcome: Outcome | undefined
}

/** What tells publications apart: who published what under which id. */
export const contentOf = (publication: {
  readonly publisher?: string
  readonly id: string
  readonly hash?: string
}): string => `${publication.publisher ?? ''} ${publication.id} ${publication.hash ?? ''}`

const idOf = (channel: string, publisher: string | undefined, id: string): string =>
  `${channel} ${publisher ?? ''} ${id}`

/** Everything that was published, and what became of it; checks what follows from that alone. */
export class Publishes {
  readonly #findings: Findings
  readonly #stores: Stores
  readonly #attempts = new Map<number, Attempt>()
  readonly #byId = new Map<string, Attempt[]>()
  /** When nodes refused publishes for a while: the disk had no room, or a process stood still. */
  readonly #refusing: { readonly fromMs: number; readonly toMs: number }[] = []

  constructor(history: History, channels: ReadonlyMap<string, ChannelFacts>, stores: Stores, findings: Findings) {
    this.#findings = findings
    this.#stores = stores
    for (const event of history.events) {
      if (event.kind === 'disk-full' || event.kind === 'process-stopped') {
        this.#refusing.push({ fromMs: event.atMs, toMs: Infinity })
      }
      if (event.kind === 'disk-free' || event.kind === 'process-continued') {
        this.#refusing.push({ fromMs: this.#refusing.pop()?.fromMs ?? 0, toMs: event.atMs })
      }
      if (event.kind === 'publish') this.#add(event, channels)
      if (event.kind === 'acknowledged' || event.kind === 'rejected' || event.kind === 'unknown') {
        const attempt = this.#attempts.get(event.attempt)
        if (attempt !== undefined) attempt.outcome = event
      }
    }
  }

  #add(sent: Publish, channels: ReadonlyMap<string, ChannelFacts>): void {
    const channel = channels.get(sent.channel)
    if (channel === undefined) throw new Error(`the history does not describe the channel '${sent.channel}'`)
    const attempt = { sent, channel, outcome: undefined }
    this.#attempts.set(sent.attempt, attempt)
    const key = idOf(sent.channel, sent.publisher, sent.id)
    const others = this.#byId.get(key)
    if (others === undefined) this.#byId.set(key, [attempt])
    else others.push(attempt)
  }

  /** When a publication was first sent; undefined: nobody published it. */
  sentMs(
    channel: string,
    item: { readonly publisher?: string; readonly id: string; readonly hash?: string },
  ): number | undefined {
    return this.#of(channel, item)[0]?.sent.atMs
  }

  #of(
    channel: string,
    item: { readonly publisher?: string; readonly id: string; readonly hash?: string },
  ): readonly Attempt[] {
    const attempts = this.#byId.get(idOf(channel, item.publisher, item.id)) ?? []
    return attempts.filter(({ sent }) => sent.hash === item.hash)
  }

  /** Checks that what was delivered was published, as it is and not in vain. */
  checkItem(channel: string, item: EventOf<'item'>): void {
    if (item.hash === undefined) return
    this.#findings.eligible('C4')
    const attempts = this.#of(channel, item)
    if (attempts.length === 0) {
      const others = this.#byId.get(idOf(channel, item.publisher, item.id)) ?? []
      const summary =
        others.length === 0 ? 'delivered what nobody published' : 'delivered other data than was published'
      this.#findings.violation('C4', 'what is delivered was published', summary, [others[0]?.sent, item])
      return
    }
    if (!attempts.every(({ outcome }) => outcome?.kind === 'rejected')) return
    const summary = 'delivered a publication that was rejected'
    const events = [...attempts.flatMap(({ sent, outcome }) => [sent, outcome]), item]
    this.#findings.violation('C4', 'what is rejected is not stored', summary, events)
  }

  /** Tells the logs of all acknowledgements, in the order they came. */
  tell(logs: ChannelLogs): void {
    const acknowledged = [...this.#attempts.values()]
      .flatMap((attempt) => (attempt.outcome?.kind === 'acknowledged' ? [{ ...attempt, event: attempt.outcome }] : []))
      .sort((a, b) => a.event.atMs - b.event.atMs)
    const begun = new Set<string>()
    for (const { sent, channel, event } of acknowledged) {
      const log = event.run === undefined ? undefined : this.#stores.logOf(channel, event.run)
      const copied = event.run === undefined ? undefined : this.#stores.copiedFrom(channel, event.run)
      if (log !== undefined && copied !== undefined && !begun.has(log)) logs.inherit(log, copied.log, copied.atMs)
      if (log !== undefined) begun.add(log)
      logs.add(channel.name, log, contentOf(sent), event)
      if (log !== undefined) logs.acknowledged(log, sent.atMs, event)
    }
  }

  check(): void {
    for (const attempts of this.#byId.values()) {
      this.#checkDurability(attempts)
      this.#checkConflicts(attempts)
      this.#checkRepeats(attempts)
    }
    this.#checkSessionOrder()
  }

  #checkDurability(attempts: readonly Attempt[]): void {
    for (const { channel, outcome, sent } of attempts) {
      if (outcome?.kind !== 'acknowledged') continue
      this.#findings.eligible('C4')
      const durability = this.#stores.durabilityOf(channel, outcome.run)
      if (outcome.durability === durability) continue
      const summary = `acknowledged as ${outcome.durability} on a channel whose rules say ${durability}`
      this.#findings.violation('C4', 'durability as the rules say', summary, [sent, outcome])
    }
  }

  /** An id-conflict needs other data under the id. */
  #checkConflicts(attempts: readonly Attempt[]): void {
    for (const { sent, outcome } of attempts) {
      if (outcome?.kind !== 'rejected' || outcome.code !== 'id-conflict') continue
      this.#findings.eligible('C5')
      if (attempts.some((other) => other.sent.hash !== sent.hash)) continue
      const summary = `id-conflict for an id under which nothing else was published`
      this.#findings.violation('C5', 'id-conflict needs other data', summary, [sent, outcome])
    }
  }

  /** Every pair of acknowledgements of one id in one log, within the window for certain. */
  #checkRepeats(attempts: readonly Attempt[]): void {
    if (attempts.length < 2) return
    for (const [index, first] of attempts.entries()) {
      for (const second of attempts.slice(index + 1)) this.#checkRepeat(first, second)
    }
  }

  #checkRepeat(a: Attempt, b: Attempt): void {
    const [first, second] = [a.outcome, b.outcome]
    if (first?.kind !== 'acknowledged' || second?.kind !== 'acknowledged') return
    const { channel } = a
    if (first.run === undefined || second.run === undefined) return
    if (this.#stores.logOf(channel, first.run) !== this.#stores.logOf(channel, second.run)) return
    const apartMs = Math.max(second.atMs - a.sent.atMs, first.atMs - b.sent.atMs)
    if (apartMs >= channel.dedupeWindowMs) return
    this.#findings.eligible('C5')
    const events = [a.sent, first, b.sent, second]
    if (a.sent.hash !== b.sent.hash) {
      const summary = 'one id was acknowledged for two different publications within the window'
      this.#findings.violation('C5', 'other data is an id-conflict', summary, events)
    } else if (first.offset !== second.offset || first.position !== second.position) {
      const summary = `the same publication was acknowledged as #${first.offset} and as #${second.offset}`
      this.#findings.violation('C5', 'the first position for repeats', summary, events)
    } else if (!first.duplicate && !second.duplicate) {
      const summary = 'a repeat was not acknowledged as a duplicate'
      this.#findings.violation('C5', 'repeats are called duplicates', summary, events)
    }
  }

  /** Whether nodes refused publishes at a time between a publish and its outcome. */
  #isRefusing({ sent, outcome }: Attempt): boolean {
    return this.#refusing.some(({ fromMs, toMs }) => fromMs <= (outcome?.atMs ?? Infinity) && toMs >= sent.atMs)
  }

  /** What one connection was handed in order and acknowledged itself is stored in that order. */
  #checkSessionOrder(): void {
    const last = new Map<string, { readonly attempt: Attempt; readonly offset: number }>()
    for (const attempt of this.#attempts.values()) {
      const { sent, outcome, channel } = attempt
      if (outcome?.kind !== 'acknowledged' || outcome.duplicate) continue
      if (sent.connection === undefined || sent.connection !== outcome.connection) continue
      const key = `${sent.connection} ${channel.name}`
      const before = last.get(key)
      last.set(key, { attempt, offset: outcome.offset })
      if (before === undefined) continue
      // It may have been refused and tried again, and a retry may land after later ones.
      if (this.#isRefusing(before.attempt)) continue
      this.#findings.eligible('C1')
      if (before.offset <= outcome.offset) continue
      const summary = `one session's publications are stored in another order than it sent them`
      const events = [before.attempt.sent, sent, before.attempt.outcome, outcome]
      this.#findings.violation('C1', 'the order of one session', summary, events)
    }
  }
}
