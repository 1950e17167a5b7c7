import type { Findings } from './findings.js'
import type { ChannelFacts, EventOf, HistoryEvent } from './history.js'
import type { Publishes } from './publishes.js'
import type { Parting, Stores } from './stores.js'

type Joined = EventOf<'joined'>

export interface ContinuityParts {
  readonly channel: ChannelFacts
  readonly publishes: Publishes
  readonly stores: Stores
  readonly findings: Findings
}

/** A subscription must be told that its log is gone before anything else. */
interface Fence {
  readonly joined: Joined
  readonly parting: Parting
}

const UNFENCED: Readonly<Record<Parting['kind'], string>> = {
  same: '',
  strangers: 'the log was lost, and the subscription went on without a gap epoch-changed',
  copied: 'the log is an older copy without the last publication, and the subscription went on without a gap',
  'rules-changed': 'the rules changed and publications were lost, and the subscription went on without a gap',
}

/** Which log the position of one subscription is of, and whether the run that it joins still has that log. */
export class Continuity {
  readonly #parts: ContinuityParts
  /** The run whose log the position is of. */
  #run: number | undefined
  #fence: Fence | undefined
  #mayBegin = true
  #formerLog: string | undefined

  constructor(parts: ContinuityParts) {
    this.#parts = parts
  }

  get run(): number | undefined {
    return this.#run
  }

  /** Whether the log may be another one than before, so that a gap `epoch-changed` is right. */
  get mayBegin(): boolean {
    return this.#mayBegin
  }

  /** After a change of rules: the log that the position is of, until a gap parts the subscription from it. */
  get formerLog(): string | undefined {
    return this.#formerLog
  }

  /** `item`: the publication that the position names, if that is known. */
  joined(event: Joined, item: EventOf<'item'> | undefined): void {
    const { channel, stores, findings } = this.#parts
    if (event.run === undefined) return
    if (this.#run === undefined) {
      this.#run = event.run
      return
    }
    const parting = stores.parting(channel, this.#run, event.run)
    this.#mayBegin = parting.kind !== 'same'
    if (parting.kind === 'rules-changed') this.#formerLog = stores.logOf(channel, this.#run)
    this.#fence = this.#isLost(parting, item) ? { joined: event, parting } : undefined
    if (this.#fence !== undefined) findings.eligible('C7')
  }

  /** Something of a run's log was delivered. */
  movedTo(run: number | undefined): void {
    if (run !== undefined) this.#run = run
  }

  /** The subscription has all there was. */
  caughtUp(run: number | undefined): void {
    this.#formerLog = undefined
    if (this.#fence === undefined) this.movedTo(run)
  }

  /** A gap came. Returns whether the subscription begins in a log of which it has nothing yet. */
  gap(reason: EventOf<'gap'>['reason'], run: number | undefined): boolean {
    if (reason !== 'epoch-changed' && this.#formerLog === undefined) return false
    this.#formerLog = undefined
    this.#fence = undefined
    this.#run = run
    this.#mayBegin = false
    return true
  }

  /** Something other than a gap came. `at`: what said where the subscription was. */
  check(at: HistoryEvent | undefined, event: HistoryEvent): void {
    const fence = this.#fence
    if (fence === undefined) return
    this.#fence = undefined
    const summary = UNFENCED[fence.parting.kind]
    this.#parts.findings.violation('C7', 'positions are fenced', summary, [at, fence.joined, event])
  }

  /** Whether the publication that the position names cannot be in a log that parted so. */
  #isLost(parting: Parting, item: EventOf<'item'> | undefined): boolean {
    if (parting.kind === 'same') return false
    if (parting.kind === 'strangers') return true
    if (parting.kind === 'rules-changed') return parting.isLossy
    const { publishes, channel } = this.#parts
    const sentMs = item === undefined ? undefined : publishes.sentMs(channel.name, item)
    return sentMs !== undefined && sentMs > parting.atMs
  }
}
