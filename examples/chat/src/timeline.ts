import type { GapItem, GapReason, Position, PublicationItem } from '@tidings/client'
import { LocalLines } from './local-lines.js'

/** What the page reads of a publication's data. It was checked when it was published, maybe against an older contract. */
export type ChatData = { readonly text?: unknown; readonly name?: unknown } | null

export interface Line {
  readonly kind: 'line'
  readonly key: string
  readonly author: string
  /** The server vouches for the author: it is the publisher, not a name in the data. */
  readonly isVerified: boolean
  readonly isMine: boolean
  readonly text: string
  readonly timeMs: number
  readonly offset: number
  readonly position: Position
}

export interface GapLine {
  readonly kind: 'gap'
  readonly key: string
  readonly reason: GapReason
  readonly missed: number | null
  /** Whether the server may still have what belongs here. */
  readonly fillable: boolean
  readonly filling: boolean
}

export type TimelineItem = Line | GapLine

/** A run of items that is drawn as one: it is replaced when anything in it changes. */
export interface Chunk {
  readonly key: number
  readonly items: readonly TimelineItem[]
}

const CHUNK_SIZE = 50
const FILLABLE: readonly GapReason[] = ['epoch-changed', 'skipped', 'broker']

type Published = Omit<PublicationItem, 'data'> & { readonly data: unknown }

/** Everything one room shows, in log order: lines, gaps in their place, and after them one's own unsettled lines. */
export class Timeline {
  readonly locals = new LocalLines()
  readonly #me: string
  readonly #seen = new Set<Position>()
  #chunks: readonly Chunk[] = []
  #nextKey = 0

  constructor(me: string) {
    this.#me = me
  }

  get chunks(): readonly Chunk[] {
    return this.#chunks
  }

  get isEmpty(): boolean {
    return this.#chunks.length === 0 && this.locals.list.length === 0
  }

  get size(): number {
    return this.#chunks.reduce((sum, { items }) => sum + items.length, 0)
  }

  /** Where the lines above begin; undefined: there are no lines. */
  get oldestPosition(): Position | undefined {
    for (const { items } of this.#chunks) {
      const line = items.find((item) => item.kind === 'line')
      if (line !== undefined) return line.position
    }
    return undefined
  }

  /** A publication as the subscription gives it. undefined: it is shown already. */
  append(item: Published): Line | undefined {
    const line = this.#take(item)
    if (line === undefined) return undefined
    this.#push([...this.locals.storedBefore(line.offset).map((local) => this.#stored(local)), line])
    return line
  }

  appendGap(item: GapItem): void {
    // What was acknowledged by the log that is gone stood before the gap; numbers of the new log say nothing about it.
    const stored = item.reason === 'epoch-changed' ? this.locals.storedBefore(Infinity) : []
    this.#push([...stored.map((local) => this.#stored(local)), this.#gap(item)])
  }

  /** A page of history, newest first, that ends where the timeline begins, or where the gap between them begins. */
  prepend(newestFirst: readonly Published[], gap: GapItem | null = null): void {
    const lines: TimelineItem[] = this.#takeAll(newestFirst)
    if (gap !== null && lines.length > 0) lines.push(this.#gap(gap))
    const chunks: Chunk[] = []
    for (let end = lines.length; end > 0; end -= CHUNK_SIZE) {
      chunks.unshift(this.#chunk(lines.slice(Math.max(0, end - CHUNK_SIZE), end)))
    }
    this.#chunks = [...chunks, ...this.#chunks]
  }

  /** The first line after a gap, exclusive end of what could fill it; undefined: there is none. */
  positionAfter(gapKey: string): Position | undefined {
    const items = this.#chunks.flatMap((chunk) => chunk.items)
    const at = items.findIndex(({ key }) => key === gapKey)
    return items.slice(at + 1).find((item) => item.kind === 'line')?.position
  }

  setFilling(gapKey: string, filling: boolean): void {
    this.#replace(gapKey, (gap) => [{ ...gap, filling }])
  }

  /** Puts a page of history, newest first, after a gap. `more`: further ones may belong between it and the gap. */
  fill(gapKey: string, newestFirst: readonly Published[], more: boolean): void {
    const before = this.#positionsBefore(gapKey)
    const known = newestFirst.findIndex(({ position }) => before.has(position))
    const isClosed = known >= 0
    this.#replace(gapKey, (gap) => {
      const lines = this.#takeAll(isClosed ? newestFirst.slice(0, known) : newestFirst)
      // Where the log itself was replaced, older lines may be lost whatever is read.
      if (isClosed && gap.reason !== 'epoch-changed') return lines
      const reason = isClosed || more || gap.reason === 'epoch-changed' ? gap.reason : 'trimmed'
      return [{ ...gap, reason, missed: null, filling: false, fillable: more && !isClosed }, ...lines]
    })
  }

  /** Forgets the oldest chunks beyond so many items; true when it did. They can be loaded again. */
  trim(maxItems: number): boolean {
    let excess = this.size - maxItems
    let count = 0
    for (const { items } of this.#chunks) {
      if (excess < items.length) break
      excess -= items.length
      count++
      for (const item of items) if (item.kind === 'line') this.#seen.delete(item.position)
    }
    this.#chunks = this.#chunks.slice(count)
    return count > 0
  }

  #positionsBefore(gapKey: string): ReadonlySet<Position> {
    const items = this.#chunks.flatMap((chunk) => chunk.items)
    const before = items.slice(
      0,
      items.findIndex(({ key }) => key === gapKey),
    )
    return new Set(before.flatMap((item) => (item.kind === 'line' ? [item.position] : [])))
  }

  #take({ id, publisher, data, offset, position, time }: Published): Line | undefined {
    if (this.#seen.has(position)) return undefined
    this.#seen.add(position)
    const isMine = publisher === this.#me
    if (isMine) this.locals.remove(id)
    const { text, name } = (typeof data === 'object' && data !== null ? data : {}) as NonNullable<ChatData>
    return {
      kind: 'line',
      key: position,
      author: publisher ?? (typeof name === 'string' && name !== '' ? name : 'somebody'),
      isVerified: publisher !== null,
      isMine,
      text: typeof text === 'string' ? text : JSON.stringify(data),
      timeMs: time,
      offset,
      position,
    }
  }

  #takeAll(newestFirst: readonly Published[]): Line[] {
    return newestFirst
      .map((item) => this.#take(item))
      .filter((line) => line !== undefined)
      .reverse()
  }

  /** An own line that was stored, but whose delivery a gap swallowed. */
  #stored({ text, stored }: ReturnType<LocalLines['storedBefore']>[number]): Line {
    this.#seen.add(stored.position)
    return {
      kind: 'line',
      key: stored.position,
      author: this.#me,
      isVerified: true,
      isMine: true,
      text,
      ...stored,
    }
  }

  #gap({ reason, missed }: GapItem): GapLine {
    const fillable = FILLABLE.includes(reason)
    return { kind: 'gap', key: `gap ${this.#nextKey++}`, reason, missed, fillable, filling: false }
  }

  #chunk(items: readonly TimelineItem[]): Chunk {
    return { key: this.#nextKey++, items }
  }

  #push(added: readonly TimelineItem[]): void {
    const last = this.#chunks.at(-1)
    this.#chunks =
      last !== undefined && last.items.length + added.length <= CHUNK_SIZE
        ? [...this.#chunks.slice(0, -1), { ...last, items: [...last.items, ...added] }]
        : [...this.#chunks, this.#chunk(added)]
  }

  #replace(gapKey: string, replacement: (gap: GapLine) => readonly TimelineItem[]): void {
    this.#chunks = this.#chunks.map((chunk) =>
      chunk.items.some(({ key }) => key === gapKey)
        ? {
            ...chunk,
            items: chunk.items.flatMap((item) =>
              item.kind === 'gap' && item.key === gapKey ? replacement(item) : [item],
            ),
          }
        : chunk,
    )
  }
}
