import { Random } from '../random.js'
import type { History } from './history.js'
import { Story } from './story.fixture.js'

interface Stored {
  readonly id: string
  readonly run: number
}

interface Reader {
  readonly subscription: number
  isJoined: boolean
  /** What it was given last: how many of the log, and which log that was. */
  offset: number
  log: readonly Stored[]
  /** As the server of then named the beginning of a log without publications. */
  start: string
}

const DURABILITIES = ['disk', 'memory', 'none'] as const
const STEPS = 300

/**
 * The history of a server that keeps every promise, with publishes whose answers get lost, connections that break,
 * restarts, wiped stores and older copies.
 */
export const simulate = (seed: number): History => {
  const random = new Random(seed)
  const durability = DURABILITIES[Math.floor(random.next() * DURABILITIES.length)] ?? 'disk'
  const story = new Story({ durability, keepsAll: durability !== 'none' })
  const readers: Reader[] = []
  let log: Stored[] = []
  let copy: { readonly name: string; readonly log: readonly Stored[]; readonly start: string } | undefined
  /** The position before the first publication. */
  let beginning = 'begin1:0'
  let ids = 0

  const positionAt = (offset: number): string => {
    const run = log[offset - 1]?.run
    return run === undefined ? beginning : story.position(offset, run)
  }
  const positionOf = (reader: Reader): string => {
    const run = reader.log[reader.offset - 1]?.run
    return run === undefined ? reader.start : story.position(reader.offset, run)
  }
  /** Whether the log still has what the reader was given last. */
  const isValid = ({ log: known, offset, start }: Reader): boolean =>
    offset === 0 ? start === beginning : log[offset - 1] === known[offset - 1]

  const store = (id: string): number => {
    log = [...log, { id, run: story.run }]
    return log.length
  }
  const publish = (): void => {
    ids += 1
    const id = `p${ids}`
    const attempt = story.send(id)
    if (random.chance(0.1)) {
      if (random.chance(0.5)) store(id)
      story.add({ kind: 'unknown', attempt, code: 'outcome-unknown' })
      return
    }
    const offset = store(id)
    story.acknowledge(attempt, offset)
    if (random.chance(0.2)) story.acknowledge(story.send(id), offset, { duplicate: true })
  }
  const join = (reader: Reader): void => {
    reader.isJoined = true
    story.join(reader.subscription, positionOf(reader))
    if (!isValid(reader)) {
      story.gap(reader.subscription, 'epoch-changed', positionOf(reader), positionAt(log.length), null)
      Object.assign(reader, { log, offset: log.length, start: beginning })
    } else if (durability === 'none' && reader.offset < log.length) {
      const missed = log.length - reader.offset
      story.gap(reader.subscription, 'trimmed', positionOf(reader), positionAt(log.length), missed)
      Object.assign(reader, { log, offset: log.length })
    }
    deliver(reader, log.length)
    story.add({ kind: 'caught-up', subscription: reader.subscription, position: positionAt(log.length) })
  }
  const deliver = (reader: Reader, through: number): void => {
    if (!reader.isJoined) return
    for (let offset = reader.offset + 1; offset <= through; offset += 1) {
      const stored = log[offset - 1]
      if (stored !== undefined) story.item(reader.subscription, offset, { run: stored.run, id: stored.id })
    }
    Object.assign(reader, { log, offset: Math.max(reader.offset, through) })
  }
  const subscribe = (): void => {
    const wholeLog = durability !== 'none' && random.chance(0.5)
    const subscription = story.subscribe({ wholeLog })
    const offset = wholeLog ? 0 : log.length
    const reader = { subscription, isJoined: false, offset, log, start: beginning }
    readers.push(reader)
    join(reader)
  }
  const restart = (): void => {
    for (const reader of readers.filter(({ isJoined }) => isJoined)) {
      if (random.chance(0.5)) deliver(reader, log.length)
      reader.isJoined = false
      story.lose(reader.subscription)
    }
    if (durability !== 'disk') {
      log = []
      beginning = `begin${story.run + 1}:0`
    }
    if (random.chance(0.1)) {
      story.add({ kind: 'node-ended', run: story.run, how: 'stopped' })
      copy = { name: `copy at ${story.nowMs}`, log, start: beginning }
      story.add({ kind: 'store-copied', copy: copy.name })
      story.start({ store: 'kept' })
    } else if (random.chance(0.1)) {
      log = []
      beginning = `begin${story.run + 1}:0`
      story.restart({ store: 'wiped' })
    } else if (copy !== undefined && random.chance(0.2)) {
      if (durability === 'disk') {
        log = [...copy.log]
        beginning = copy.start
      }
      story.restart({ store: 'restored', copy: copy.name })
    } else {
      story.restart()
    }
  }

  for (let step = 0; step < STEPS; step += 1) {
    const reader = readers[Math.floor(random.next() * readers.length)]
    if (random.chance(0.03)) restart()
    else if (readers.length < 6 && random.chance(0.05)) subscribe()
    else if (reader !== undefined && !reader.isJoined) join(reader)
    else if (reader !== undefined && random.chance(0.1)) {
      reader.isJoined = false
      story.lose(reader.subscription)
    } else if (reader !== undefined && random.chance(0.4)) deliver(reader, Math.min(log.length, reader.offset + 3))
    else publish()
  }
  return story.history
}
