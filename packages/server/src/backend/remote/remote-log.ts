import { setImmediate as endOfTurn } from 'node:timers/promises'
import type { Rewind } from '@tidings/protocol'
import type {
  Cursor,
  Log,
  LogChannel,
  LogListener,
  NewPublication,
  Page,
  PublishResult,
  ReadRequest,
  Watch,
} from '../backend.js'
import type { Calls } from './calls.js'
import { machineMs, type SentChannel, sendNewPublication, takePage } from './messages.js'

/** The log of the process that owns it: as exact as that one, because everything comes in one order. */
export class RemoteLog implements Log {
  readonly notices: Log['notices']
  readonly #calls: Calls
  /** Numbers of rules by their JSON text: as many as the contract has different ones. */
  readonly #rules = new Map<string, number>()
  #noticed: Promise<void> | undefined
  readonly #sent = new WeakMap<LogChannel, SentChannel>()

  constructor(calls: Calls, notices: Log['notices']) {
    this.#calls = calls
    this.notices = notices
  }

  publish(channel: LogChannel, publication: NewPublication): Promise<PublishResult> {
    const { maxWaitMs } = publication
    const startByMs = maxWaitMs === undefined ? null : Math.floor(machineMs() + maxWaitMs)
    return this.#calls.call('publish', this.#send(channel), sendNewPublication(publication), startByMs)
  }

  async read(channel: LogChannel, request: ReadRequest): Promise<Page> {
    return takePage(await this.#calls.call('read', this.#send(channel), request))
  }

  rewind(channel: LogChannel, rewind: Rewind): Promise<Cursor> {
    return this.#calls.call('rewind', this.#send(channel), rewind)
  }

  tails(channels: readonly LogChannel[]): Promise<readonly Cursor[]> {
    return this.#calls.call(
      'tails',
      channels.map((channel) => this.#send(channel)),
    )
  }

  async watch(channel: LogChannel, listener: LogListener, account?: string): Promise<Watch> {
    const { watch } = await this.#calls.watch(listener, 'watch', this.#send(channel), account ?? null)
    return watch
  }

  isInUse(channel: LogChannel): Promise<boolean> {
    return this.#calls.call('isInUse', this.#send(channel))
  }

  /** One question for all who ask in one turn. */
  noticed(): Promise<void> {
    this.#noticed ??= this.#askNoticed()
    return this.#noticed
  }

  async purge(channel: LogChannel): Promise<void> {
    await this.#calls.call('purge', this.#send(channel))
  }

  async #askNoticed(): Promise<void> {
    await endOfTurn()
    this.#noticed = undefined
    await this.#calls.call('noticed')
    // What was noticed with the answer is told at the end of this turn, which was put off before this.
    await endOfTurn()
  }

  #send(channel: LogChannel): SentChannel {
    const known = this.#sent.get(channel)
    if (known !== undefined) return known
    const { name, durability, history, dedupeWindowMs } = channel
    const rules = { durability, history, dedupeWindowMs }
    const key = JSON.stringify(rules)
    let number = this.#rules.get(key)
    if (number === undefined) {
      number = this.#rules.size
      this.#rules.set(key, number)
      this.#calls.tell('rules', number, rules)
    }
    const sent: SentChannel = [name, number]
    this.#sent.set(channel, sent)
    return sent
  }
}
