import type { History, HistoryEvent } from './history.js'

const MAX_LINES = 12
const STORE_CHANGES: readonly string[] = ['node-ended', 'node-started', 'store-copied', 'disk-full', 'disk-free']

const seconds = (atMs: number): string => `${(atMs / 1000).toFixed(3).padStart(9)} s`

const short = (text: string, length = 24): string => (text.length <= length ? text : `${text.slice(0, length - 1)}…`)

/** Turns events into lines that a person can read. */
export class Excerpts {
  readonly #history: History
  readonly #channelOf = new Map<string, string>()

  constructor(history: History) {
    this.#history = history
    for (const event of history.events) {
      if (event.kind === 'publish') this.#channelOf.set(`attempt ${event.attempt}`, event.channel)
      if (event.kind === 'subscribe') {
        this.#channelOf.set(`subscription ${event.subscription}`, `${event.channel} of ${event.client}`)
      }
    }
  }

  /** These events in their order, and the restarts among them. */
  of(events: readonly (HistoryEvent | undefined)[]): readonly string[] {
    const wanted = new Set(events.filter((event) => event !== undefined))
    const all = this.#history.events
    const indexes = [...wanted].map((event) => all.indexOf(event))
    const first = Math.min(...indexes)
    const last = Math.max(...indexes)
    const lines: string[] = []
    for (const event of all.slice(first, last + 1)) {
      if (wanted.has(event) || this.#isStoreChange(event)) lines.push(this.#line(event))
    }
    const over = lines.length - MAX_LINES
    if (over > 0) lines.splice(Math.floor(MAX_LINES / 2), over, `            … ${over} lines`)
    return lines
  }

  #isStoreChange(event: HistoryEvent): boolean {
    return STORE_CHANGES.includes(event.kind)
  }

  #line(event: HistoryEvent): string {
    return `${seconds(event.atMs)}  ${this.#words(event)}`
  }

  #words(event: HistoryEvent): string {
    const attempt = (number: number): string =>
      `publish ${number} on ${this.#channelOf.get(`attempt ${number}`) ?? 'an unknown channel'}`
    const subscription = (number: number): string =>
      `subscription ${number} to ${this.#channelOf.get(`subscription ${number}`) ?? 'an unknown channel'}`
    switch (event.kind) {
      case 'node-started':
        return `node: run ${event.run} begins, store ${event.store}${event.store === 'restored' ? ` from copy ${event.copy}` : ''}`
      case 'node-ended':
        return `node: run ${event.run} ends, ${event.how}`
      case 'store-copied':
        return `store: copied as ${event.copy}`
      case 'disk-full':
        return 'disk: full from here on'
      case 'disk-free':
        return 'disk: has room again'
      case 'process-stopped':
        return 'node: a process stands still from here on'
      case 'process-continued':
        return 'node: the process goes on'
      case 'publish':
        return `${attempt(event.attempt)}: ${event.publisher} sends id ${short(event.id)}, data ${event.hash}${event.unheard === undefined ? '' : ', not to be echoed'}`
      case 'acknowledged':
        return `${attempt(event.attempt)}: acknowledged #${event.offset} at ${event.position}, ${event.durability}${event.duplicate ? ', duplicate' : ''}${runOf(event)}`
      case 'rejected':
        return `${attempt(event.attempt)}: rejected, ${event.code}`
      case 'unknown':
        return `${attempt(event.attempt)}: outcome unknown, ${event.code}`
      case 'subscribe':
        return `${subscription(event.subscription)}: made, ${event.how}`
      case 'joined':
        return `${subscription(event.subscription)}: joined${event.position === undefined ? '' : ` at ${event.position}`}${runOf(event)}`
      case 'lost':
        return `${subscription(event.subscription)}: connection lost`
      case 'item':
        return `${subscription(event.subscription)}: #${event.offset} at ${event.position}, ${event.publisher ?? 'echo mark'} id ${short(event.id)}, data ${event.hash ?? '-'}${runOf(event)}`
      case 'gap':
        return `${subscription(event.subscription)}: gap ${event.reason} from ${event.from} to ${event.to}, missed ${event.missed}`
      case 'caught-up':
        return `${subscription(event.subscription)}: caught up at ${event.position}`
      case 'left':
        return `${subscription(event.subscription)}: ended by the application`
      case 'calm':
        return 'nothing is broken from here on'
      case 'storm':
        return 'things are broken from here on'
      case 'memory':
        return `node: run ${event.run} takes ${Math.round(event.rssBytes / 2 ** 20)} MiB`
    }
  }
}

const runOf = ({ run }: { readonly run?: number }): string => (run === undefined ? '' : ` (run ${run})`)
