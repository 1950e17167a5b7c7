import type { GapItem, HistoryOptions, HistoryResult } from '@tidings/client'
import { describe, expect, it } from 'vitest'
import { RoomHistory } from './room-history.js'
import { Timeline } from './timeline.js'

const line = (offset: number) => ({
  kind: 'publication' as const,
  data: { text: `line ${offset}` },
  publisher: 'ann',
  id: `id-${offset}`,
  offset,
  position: `p${offset}`,
  time: offset,
})

const gap = (reason: GapItem['reason']): GapItem => ({ kind: 'gap', reason, from: 'a', to: 'b', missed: null })

const page = (offsets: readonly number[], more: boolean, hole: GapItem | null = null): HistoryResult => ({
  ok: true,
  items: offsets.map(line),
  gap: hole,
  position: `p${offsets.at(-1)}`,
  more,
})

const FAILED: HistoryResult = { ok: false, error: { code: 'unavailable', message: '', retryable: true } }

/** A room whose server answers with these pages, in this order, and remembers what it was asked. */
const roomWith = (...pages: readonly HistoryResult[]) => {
  const timeline = new Timeline('me')
  timeline.append(line(9))
  const asked: HistoryOptions[] = []
  const history = (options: HistoryOptions = {}): Promise<HistoryResult> =>
    Promise.resolve(pages[asked.push(options) - 1] ?? FAILED)
  const room = new RoomHistory({ history }, timeline, new AbortController().signal, () => undefined)
  const texts = (): readonly string[] =>
    timeline.chunks.flatMap(({ items }) => items.map((item) => (item.kind === 'line' ? item.text : item.reason)))
  return { timeline, asked, room, texts }
}

describe('the history of a room', () => {
  it('is loaded page by page to its beginning, and not beyond', async () => {
    const { room, asked, texts } = roomWith(page([8, 7], true), page([6], false))
    await room.loadOlder()
    expect(room.beginning).toBe('unknown')
    await room.loadOlder()
    expect(room.beginning).toBe('reached')
    await room.loadOlder()
    expect(asked.map(({ from }) => from)).toEqual(['p9', 'p7'])
    expect(texts()).toEqual(['line 6', 'line 7', 'line 8', 'line 9'])
    room.trimmed()
    expect(room.beginning).toBe('unknown')
  })

  it('is asked for once at a time, and again after a failure', async () => {
    const { room, asked } = roomWith(FAILED, page([8], false))
    await Promise.all([room.loadOlder(), room.loadOlder()])
    expect(room.beginning).toBe('failed')
    expect(asked).toHaveLength(1)
    await room.loadOlder()
    expect(room.beginning).toBe('reached')
  })

  it('of another log is not put above lines of the one that is gone', async () => {
    const { room, texts } = roomWith(page([3, 2], true, gap('epoch-changed')))
    await room.loadOlder()
    expect(room.beginning).toBe('lost')
    expect(texts()).toEqual(['line 9'])
  })

  it('closes a gap, or leaves it to be tried again', async () => {
    const { room, timeline, texts } = roomWith(FAILED, page([11, 10, 9], true))
    timeline.appendGap(gap('skipped'))
    timeline.append(line(12))
    const key = timeline.chunks[0]?.items[1]?.key ?? ''
    await room.loadGap(key)
    expect(timeline.chunks[0]?.items[1]).toMatchObject({ kind: 'gap', filling: false, fillable: true })
    await room.loadGap(key)
    expect(texts()).toEqual(['line 9', 'line 10', 'line 11', 'line 12'])
  })
})
