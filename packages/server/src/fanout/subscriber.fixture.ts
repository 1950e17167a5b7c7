import { Duplex } from 'node:stream'
import { setImmediate as endOfTurn } from 'node:timers/promises'
import { type Gap, jsonCodec, type Position, type PublicationItem, type ServerMessage } from '@tidings/protocol'
import { OutboundTotal } from '../transport/outbound-total.js'
import { Outbound } from '../transport/outbound.js'
import type { Turn } from '../transport/turn.js'

/** A peer's side of one connection, in memory: takes bytes at once, or when it is told to. */
export class Peer extends Duplex {
  readonly received: ServerMessage[] = []
  #unread = Buffer.alloc(0)
  #taken: (() => void) | undefined
  #isPaused = false

  override _read(): void {
    // The peer sends nothing.
  }

  override _writev(chunks: { readonly chunk: Buffer }[], done: () => void): void {
    this.#unread = Buffer.concat([this.#unread, ...chunks.map(({ chunk }) => chunk)])
    if (this.#isPaused) this.#taken = done
    else this.#take(done)
  }

  stopReading(): void {
    this.#isPaused = true
  }

  goOnReading(): void {
    this.#isPaused = false
    const done = this.#taken
    this.#taken = undefined
    if (done !== undefined) this.#take(done)
  }

  #take(done: () => void): void {
    let rest = this.#unread
    for (;;) {
      const frame = firstFrame(rest)
      if (frame === undefined) break
      rest = rest.subarray(frame.end)
      this.received.push(...((jsonCodec.decode(frame.text) ?? []) as ServerMessage[]))
    }
    this.#unread = rest
    setImmediate(done)
  }
}

const firstFrame = (bytes: Buffer): { readonly text: string; readonly end: number } | undefined => {
  if (bytes.length < 2) return undefined
  const short = bytes.readUInt8(1)
  const start = short < 126 ? 2 : short === 126 ? 4 : 10
  if (bytes.length < start) return undefined
  const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
  if (bytes.length < start + length) return undefined
  return { text: bytes.subarray(start, start + length).toString(), end: start + length }
}

export const connectPeer = (
  turn: Turn,
  maxBufferedBytes = 65_536,
): { readonly peer: Peer; readonly outbound: Outbound } => {
  const peer = new Peer()
  return {
    peer,
    outbound: new Outbound(
      peer,
      { terminate: () => peer.destroy() },
      jsonCodec,
      turn,
      { maxBufferedBytes, maxUnreadBytes: 524_288 },
      new OutboundTotal(Infinity, () => undefined),
    ),
  }
}

export const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await endOfTurn()
}

export type Item = { readonly publication: PublicationItem } | { readonly gap: Gap }

/** What one subscription of a connection was given, flattened, in order. */
export const itemsOf = (received: readonly ServerMessage[], sub = 0): readonly Item[] =>
  received.flatMap((message): readonly Item[] => {
    if (message.type !== 'publications' && message.type !== 'gap') return []
    if ((message.sub ?? 0) !== sub) return []
    return message.type === 'gap' ? [{ gap: message }] : message.publications.map((publication) => ({ publication }))
  })

/**
 * Follows what a subscriber was given along the log as it really is, and says where it broke the contract: every
 * publication once and in order, or a gap in its place.
 */
export const follow = (
  log: readonly Position[],
  start: Position,
  items: readonly Item[],
): { readonly end: Position; readonly missed: number; readonly problem?: string } => {
  const places = new Map(log.map((position, index) => [position, index]))
  let at = start
  let missed = 0
  for (const item of items) {
    if ('gap' in item) {
      if (item.gap.from !== at) return { end: at, missed, problem: `a gap from ${item.gap.from} at ${at}` }
      const skipped = (places.get(item.gap.to) ?? NaN) - (places.get(at) ?? NaN)
      if (skipped < 1) return { end: at, missed, problem: `a gap back from ${at} to ${item.gap.to}` }
      missed += skipped
      at = item.gap.to
    } else {
      const next = log[(places.get(at) ?? NaN) + 1]
      if (item.publication.position !== next) {
        return { end: at, missed, problem: `${item.publication.position} after ${at}, where ${next} comes next` }
      }
      at = item.publication.position
    }
  }
  return { end: at, missed }
}
