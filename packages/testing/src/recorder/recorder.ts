import { readFile, writeFile } from 'node:fs/promises'
import type { ChannelFacts, History, HistoryEvent, NewEvent } from '../checker/history.js'

export interface RecorderOptions {
  readonly channels: readonly ChannelFacts[]
  readonly maxRssBytes?: number
}

/** Keeps what publishers, subscribers and whoever breaks things see, in the order in which this process saw it. */
export class Recorder {
  readonly #options: RecorderOptions
  readonly #startedMs = performance.now()
  readonly #events: HistoryEvent[] = []
  #attempts = 0
  #subscriptions = 0

  constructor(options: RecorderOptions) {
    this.#options = options
  }

  /** Milliseconds since the recorder was made. */
  get nowMs(): number {
    return performance.now() - this.#startedMs
  }

  get history(): History {
    return { ...this.#options, events: this.#events }
  }

  record(event: NewEvent): void {
    this.#events.push({ ...event, atMs: this.nowMs })
  }

  /** The number of a new publish. */
  nextAttempt(): number {
    this.#attempts += 1
    return this.#attempts
  }

  /** The number of a new subscription. */
  nextSubscription(): number {
    this.#subscriptions += 1
    return this.#subscriptions
  }
}

/** Writes a history as lines of JSON: first what it is about, then an event each. */
export const saveHistory = async (path: string, history: History): Promise<void> => {
  const { events, ...facts } = history
  await writeFile(path, `${[facts, ...events].map((line) => JSON.stringify(line)).join('\n')}\n`)
}

/** Reads what `saveHistory` wrote. */
export const loadHistory = async (path: string): Promise<History> => {
  const [facts = '{}', ...lines] = (await readFile(path, 'utf8')).trimEnd().split('\n')
  const events = lines.map((line) => JSON.parse(line) as HistoryEvent)
  return { ...(JSON.parse(facts) as Omit<History, 'events'>), events }
}
