import type { Durability, GapReason } from '@tidings/protocol'
import { checkHistory } from './check-history.js'
import type { ChannelFacts, History, HistoryEvent, NewEvent, StoreFate } from './history.js'

const TICK_MS = 10

/** Writes a history by hand: each call is one event, ten milliseconds after the one before. */
export class Story {
  readonly channel: ChannelFacts
  readonly events: HistoryEvent[] = []
  nowMs = 0
  run = 0
  #attempts = 0
  #subscriptions = 0
  #connection = 1

  constructor(facts: Partial<ChannelFacts> = {}) {
    this.channel = { name: 'chat', durability: 'disk', keepsAll: true, dedupeWindowMs: 120_000, ...facts }
    this.start({ store: 'kept' })
  }

  get history(): History {
    return { channels: [this.channel], events: this.events }
  }

  add(event: NewEvent): void {
    this.nowMs += TICK_MS
    this.events.push({ ...event, atMs: this.nowMs })
  }

  wait(ms: number): void {
    this.nowMs += ms
  }

  start(fate: StoreFate & { readonly changedTo?: Durability }): void {
    this.run += 1
    this.#connection += 1
    this.add({ kind: 'node-started', run: this.run, ...fate })
  }

  restart(fate: Parameters<Story['start']>[0] = { store: 'kept' }): void {
    this.add({ kind: 'node-ended', run: this.run, how: 'killed' })
    this.start(fate)
  }

  /** The position of an offset that was assigned in a run. */
  position(offset: number, run = this.run): string {
    return `run${run}:${offset}`
  }

  send(id: string, hash = `h-${id}`, publisher = 'ann'): number {
    this.#attempts += 1
    const connection = `ann ${this.#connection}`
    this.add({
      kind: 'publish',
      attempt: this.#attempts,
      channel: this.channel.name,
      publisher,
      id,
      hash,
      connection,
    })
    return this.#attempts
  }

  acknowledge(
    attempt: number,
    offset: number,
    { run = this.run, duplicate = false, position = '', durability = this.channel.durability } = {},
  ): void {
    this.add({
      kind: 'acknowledged',
      attempt,
      offset,
      position: position === '' ? this.position(offset, run) : position,
      durability,
      duplicate,
      run: this.run,
      connection: `ann ${this.#connection}`,
    })
  }

  /** Publishes with these ids and acknowledges each. */
  publish(first: number, last: number): void {
    for (let offset = first; offset <= last; offset += 1) this.acknowledge(this.send(String(offset)), offset)
  }

  subscribe({ wholeLog = false } = {}): number {
    this.#subscriptions += 1
    this.add({
      kind: 'subscribe',
      subscription: this.#subscriptions,
      channel: this.channel.name,
      client: `c${this.#subscriptions}`,
      how: 'live',
      wholeLog,
    })
    return this.#subscriptions
  }

  join(subscription: number, position?: string): void {
    this.add({
      kind: 'joined',
      subscription,
      askedMs: this.nowMs,
      run: this.run,
      ...(position === undefined ? undefined : { position }),
    })
  }

  lose(subscription: number): void {
    this.add({ kind: 'lost', subscription })
  }

  item(
    subscription: number,
    offset: number,
    { run = this.run, id = String(offset), hash }: { run?: number; id?: string; hash?: string } = {},
  ): void {
    const position = this.position(offset, run)
    this.add({
      kind: 'item',
      subscription,
      offset,
      position,
      id,
      publisher: 'ann',
      hash: hash ?? `h-${id}`,
      time: this.nowMs,
      run: this.run,
    })
  }

  items(subscription: number, first: number, last: number, options: { run?: number } = {}): void {
    for (let offset = first; offset <= last; offset += 1) this.item(subscription, offset, options)
  }

  gap(subscription: number, reason: GapReason, from: string, to: string, missed: number | null): void {
    this.add({ kind: 'gap', subscription, reason, from, to, missed })
  }

  caughtUp(subscription: number, offset: number, run = this.run): void {
    this.add({ kind: 'caught-up', subscription, position: this.position(offset, run) })
  }
}

/** The checks that a story fails, as `C3 no silent loss`. */
export const failures = (story: Story): readonly string[] => {
  const { violations } = checkHistory(story.history)
  for (const { excerpt } of violations) {
    if (excerpt.length === 0 || excerpt.length > 13) throw new Error('an excerpt has 1 to 13 lines')
  }
  return [...new Set(violations.map(({ promise, check }) => `${promise} ${check}`))]
}

/** A story with a subscriber that got the first three of five publications. */
export const begun = (facts: Partial<ChannelFacts> = {}): [Story, number] => {
  const story = new Story(facts)
  const subscription = story.subscribe()
  story.join(subscription, story.position(0))
  story.publish(1, 5)
  story.items(subscription, 1, 3)
  return [story, subscription]
}
