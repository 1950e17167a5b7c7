import type { Position } from '@tidings/protocol'
import type { ChannelLogs } from './channel-logs.js'
import { Continuity, type ContinuityParts } from './continuity.js'
import type { EventOf, HistoryEvent } from './history.js'
import type { OwnEcho } from './own-echo.js'
import { contentOf } from './publishes.js'

type Item = EventOf<'item'>
type Gap = EventOf<'gap'>
type Joined = EventOf<'joined'>

export interface StreamParts extends ContinuityParts {
  readonly logs: ChannelLogs
  readonly ownEcho: OwnEcho
  /** What comes before what, by whoever saw both: shared by all streams. */
  readonly order: Map<string, { readonly before: string; readonly event: HistoryEvent }>
}

/** Follows what one subscription was given, in its order. */
export class Stream {
  readonly #parts: StreamParts
  readonly #client: string
  /** Where it is, as far as that is known. */
  #offset: number | undefined
  #position: Position | undefined
  /** The last item, unless something unknown came after it. */
  #item: Item | undefined
  #itemRun: number | undefined
  /** The last event that said where it is. */
  #at: HistoryEvent | undefined
  #joined: Joined | undefined
  readonly #continuity: Continuity
  readonly #seen = new Map<Position, Item>()

  constructor(parts: StreamParts, event: EventOf<'subscribe'>) {
    this.#parts = parts
    this.#client = event.client
    this.#continuity = new Continuity(parts)
    if (event.wholeLog !== true || !parts.channel.keepsAll) return
    this.#offset = 0
    this.#at = event
  }

  /** Where it is; undefined: that cannot be told. */
  get offset(): number | undefined {
    if (this.#offset !== undefined) return this.#offset
    const { logs, channel } = this.#parts
    return this.#position === undefined ? undefined : logs.offsetOf(channel.name, this.#position)
  }

  /** What said where it is. */
  get at(): HistoryEvent | undefined {
    return this.#at
  }

  /** Whether it was given everything up to this offset, but what its client asked not to hear. */
  hasAllTo(offset: number): boolean {
    this.#passOver(offset)
    return (this.offset ?? -1) >= offset
  }

  joined(event: Joined): void {
    this.#joined = event
    if (this.#position === undefined && event.position !== undefined) {
      this.#position = event.position
      this.#at = event
    }
    this.#continuity.joined(event, this.#item)
  }

  item(event: Item): void {
    const { findings, publishes, channel } = this.#parts
    this.#continuity.check(this.#at, event)
    publishes.checkItem(channel.name, event)
    this.#checkEcho(event)
    this.#passOver(event.offset - 1)
    if (!this.#isRepeated(event)) this.#checkNext(event)
    if (this.#item?.time !== undefined && event.time !== undefined) {
      findings.eligible('C1')
      if (event.time < this.#item.time) {
        findings.violation('C1', 'time does not fall', 'the time of publications falls', [this.#item, event])
      }
    }
    this.#offset = event.offset
    this.#position = event.position
    this.#item = event
    this.#itemRun = event.run
    this.#continuity.movedTo(event.run)
    this.#at = event
  }

  /** Who asked not to hear what he publishes does not, and everything else comes as it is. */
  #checkEcho(event: Item): void {
    const { ownEcho, findings, channel, logs, stores } = this.#parts
    if (event.hash === undefined) {
      findings.eligible('C3')
      const place = event.run === undefined ? undefined : logs.at(stores.logOf(channel, event.run), event.offset)
      if (ownEcho.isMarked(channel.name, this.#client, event.id, place)) return
      const summary = `#${event.offset} came as an echo mark, and its client did not publish it so`
      findings.violation('C3', 'an echo mark for one’s own', summary, [place?.evidence, event])
      return
    }
    const own = ownEcho.find(channel.name, this.#client, contentOf(event))
    if (own === undefined) return
    const joined = this.#joined
    const isSameSession = joined !== undefined && own.connection !== undefined && own.connection === joined.connection
    if (own.unheard !== 'client' && !(isSameSession && own.atMs > joined.atMs)) return
    const summary = `#${event.offset} was handed to the client that published it and asked not to hear it`
    findings.violation('C2', 'no echo where none is wanted', summary, [joined, own, event])
  }

  /** What comes after where it is, up to this offset, is what its client asked not to hear. */
  #passOver(to: number | undefined, run = this.#joined?.run): void {
    const { ownEcho, channel, stores } = this.#parts
    const { offset } = this
    if (to === undefined || offset === undefined || run === undefined || to <= offset) return
    if (!ownEcho.covers(channel.name, this.#client, stores.logOf(channel, run), offset + 1, to)) return
    this.#offset = to
    this.#item = undefined
  }

  /** Whether it was handed out before, which is a violation. */
  #isRepeated(event: Item): boolean {
    const { findings } = this.#parts
    findings.eligible('C2')
    const before = this.#seen.get(event.position)
    this.#seen.set(event.position, event)
    if (before === undefined) return false
    findings.violation('C2', 'nothing twice', `#${event.offset} was handed out twice`, [before, event])
    return true
  }

  /** It follows what came before without a hole. */
  #checkNext(event: Item): void {
    const { findings } = this.#parts
    const { offset } = this
    if (offset === undefined) return
    findings.eligible('C1')
    findings.eligible('C3')
    if (event.offset === offset) {
      findings.violation('C2', 'no offset twice', `#${offset} was handed out twice`, [this.#at, event])
    } else if (event.offset < offset) {
      const summary = `#${event.offset} comes after #${offset}`
      findings.violation('C1', 'offsets rise', summary, [this.#at, event])
    } else if (event.offset > offset + 1) {
      const missing = event.offset - offset - 1
      const summary = `${missing} publications after #${offset} are missing, and no gap says so`
      findings.violation('C3', 'no silent loss', summary, [this.#at, this.#missing(event, offset + 1), event])
    } else {
      this.#checkBefore(event)
    }
  }

  /** Something that shows that a missing publication exists. */
  #missing(event: Item, offset: number): HistoryEvent | undefined {
    const { logs, stores, channel } = this.#parts
    return event.run === undefined ? undefined : logs.at(stores.logOf(channel, event.run), offset)?.evidence
  }

  /** Everybody who sees two publications next to each other sees the same one first. */
  #checkBefore(event: Item): void {
    const { order, findings, channel, stores } = this.#parts
    if (this.#item?.hash === undefined || event.hash === undefined) return
    const key = `${channel.name} ${event.position}`
    const before = contentOf(this.#item)
    const known = order.get(key)
    if (known === undefined) order.set(key, { before, event: this.#item })
    if (known === undefined || known.before === before) return
    const isCrossing = this.#itemRun !== event.run
    const promise =
      isCrossing && stores.parting(channel, this.#itemRun ?? 0, event.run ?? 0).kind !== 'same' ? 'C7' : 'C1'
    const summary = `before #${event.offset} others saw another publication`
    findings.violation(promise, 'one order for all', summary, [known.event, this.#item, event])
  }

  gap(event: Gap): void {
    const { findings } = this.#parts
    findings.gap(event.reason)
    findings.eligible('C3')
    if (!this.#isInPlace(event)) {
      const summary = `the gap begins at ${event.from}, and the subscription is at ${this.#position}`
      findings.violation('C3', 'a gap in its place', summary, [this.#at, event])
    }
    if (this.#isNeedless(event)) findings.needlessGap([this.#at, this.#joined, event])
    if (this.#continuity.gap(event.reason, this.#joined?.run)) {
      this.#offset = undefined
      // A log that it comes back to later may give it again what it had.
      this.#seen.clear()
    } else {
      const { offset } = this
      this.#offset = event.missed === null || offset === undefined ? undefined : offset + event.missed
    }
    this.#item = undefined
    this.#position = event.to
    this.#at = event
  }

  /** Whether a gap begins where the subscription is. */
  #isInPlace({ from }: Gap): boolean {
    const { ownEcho, logs, channel } = this.#parts
    if (this.#position === undefined || from === this.#position) return true
    if (!ownEcho.leavesOut(channel.name, this.#client)) return false
    // Or behind something that its client left out, which nobody else may have seen.
    const passed = logs.named(channel.name, from)
    if (passed !== undefined && ownEcho.find(channel.name, this.#client, passed.content) === undefined) return false
    if (passed === undefined || this.offset === undefined) this.#offset = passed?.offset
    // What it passed was of the log that its position is of, and the gap may come from another one.
    else this.#passOver(passed.offset, this.#continuity.run)
    return this.#offset === passed?.offset
  }

  #isNeedless({ reason, missed }: Gap): boolean {
    const { channel } = this.#parts
    if (missed === 0 || reason === 'skipped') return missed === 0
    if (this.#continuity.formerLog !== undefined) return false
    if (reason === 'epoch-changed') return this.#joined?.run !== undefined && !this.#continuity.mayBegin
    return channel.keepsAll && (reason === 'trimmed' || reason === 'expired')
  }

  caughtUp(event: EventOf<'caught-up'>): void {
    this.#continuity.check(this.#at, event)
    this.#checkComplete(event)
    this.#checkFormerLog(event)
    const { logs, channel } = this.#parts
    this.#passOver(logs.offsetOf(channel.name, event.position))
    this.#position = event.position
    this.#continuity.caughtUp(this.#joined?.run)
  }

  /** What was acknowledged before it joined is not after where it caught up. */
  #checkComplete(event: HistoryEvent): void {
    const { logs, stores, channel, findings } = this.#parts
    const { offset } = this
    if (this.#joined?.run === undefined || offset === undefined) return
    const highest = logs.highest(stores.logOf(channel, this.#joined.run), this.#joined.askedMs)
    if (highest === undefined) return
    // What an earlier run acknowledged was lost; what this one did was not handed out.
    const promise = highest.run === this.#joined.run ? 'C3' : 'C4'
    findings.eligible(promise)
    if (this.hasAllTo(highest.offset)) return
    const summary = `caught up at #${offset}, and #${highest.offset} was acknowledged before it joined`
    findings.violation(promise, 'caught up is complete', summary, [this.#at, highest.event, this.#joined, event])
  }

  /** After a change of rules without a gap: everything that was acknowledged before the change is there. */
  #checkFormerLog(event: HistoryEvent): void {
    const { logs, findings } = this.#parts
    const { offset } = this
    const { formerLog } = this.#continuity
    if (formerLog === undefined || this.#joined === undefined || offset === undefined) return
    const highest = logs.highest(formerLog, this.#joined.askedMs)
    if (highest === undefined) return
    findings.eligible('C3')
    if (this.hasAllTo(highest.offset)) return
    const summary = `the rules changed, and #${highest.offset} is missing after #${offset} without a gap`
    findings.violation('C3', 'a gap where rules changed', summary, [this.#at, highest.event, this.#joined, event])
  }
}
