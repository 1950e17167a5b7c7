import type { GapItem, GapReason, PublicationItem } from '@tidings/client'
import { describe, expect, it } from 'vitest'
import { Timeline, type TimelineItem } from './timeline.js'

const published = (offset: number, rest: Partial<PublicationItem> = {}): PublicationItem => ({
  kind: 'publication',
  data: { text: `line ${offset}` },
  publisher: 'ann',
  id: `id-${offset}`,
  offset,
  position: `p${offset}`,
  time: offset * 1000,
  ...rest,
})

const gap = (reason: GapReason, missed: number | null = null): GapItem => ({
  kind: 'gap',
  reason,
  missed,
  from: 'a',
  to: 'b',
})

const items = (timeline: Timeline): readonly TimelineItem[] => timeline.chunks.flatMap((chunk) => chunk.items)
const texts = (timeline: Timeline): readonly string[] =>
  items(timeline).map((item) => (item.kind === 'line' ? item.text : `[${item.reason}]`))
const gapKey = (timeline: Timeline): string => items(timeline).find(({ kind }) => kind === 'gap')?.key ?? ''
const newestFirst = (...offsets: number[]): PublicationItem[] => offsets.map((offset) => published(offset))
const stored = (offset: number) =>
  ({ ok: true, offset, position: `p${offset}`, time: offset * 1000, durability: 'disk', duplicate: false }) as const

describe('a timeline', () => {
  it('shows what the subscription gives, in its order, gaps in their place', () => {
    const timeline = new Timeline('me')
    timeline.append(published(1))
    timeline.appendGap(gap('trimmed', 3))
    timeline.append(published(5))
    expect(texts(timeline)).toEqual(['line 1', '[trimmed]', 'line 5'])
  })

  it('shows a publication once, whichever way it comes', () => {
    const timeline = new Timeline('me')
    timeline.append(published(2))
    expect(timeline.append(published(2))).toBeUndefined()
    timeline.prepend(newestFirst(2, 1))
    expect(texts(timeline)).toEqual(['line 1', 'line 2'])
  })

  it('puts pages of history before everything, oldest first', () => {
    const timeline = new Timeline('me')
    timeline.append(published(9))
    timeline.prepend(newestFirst(8, 7))
    timeline.prepend(newestFirst(6, 5))
    expect(texts(timeline)).toEqual(['line 5', 'line 6', 'line 7', 'line 8', 'line 9'])
    expect(timeline.oldestPosition).toBe('p5')
  })

  it('shows a gap between a page of history and what comes after it', () => {
    const timeline = new Timeline('me')
    timeline.append(published(9))
    timeline.prepend(newestFirst(5, 4), gap('purged', 3))
    timeline.prepend([], gap('trimmed', 3))
    expect(texts(timeline)).toEqual(['line 4', 'line 5', '[purged]', 'line 9'])
  })

  it('keeps the chunks it does not touch', () => {
    const timeline = new Timeline('me')
    for (let offset = 101; offset <= 220; offset++) timeline.append(published(offset))
    const before = timeline.chunks
    timeline.append(published(221))
    timeline.prepend(newestFirst(...Array.from({ length: 100 }, (_, index) => 100 - index)))
    expect(timeline.chunks).toHaveLength(5)
    expect(timeline.chunks.slice(2, 4)).toEqual(before.slice(0, 2))
    expect(timeline.chunks[2]).toBe(before[0])
    expect(texts(timeline)).toEqual(Array.from({ length: 221 }, (_, index) => `line ${index + 1}`))
    expect(new Set(timeline.chunks.map(({ key }) => key)).size).toBe(5)
  })

  it('names the publisher as the author, whatever name the data has', () => {
    const timeline = new Timeline('me')
    expect(timeline.append(published(1, { data: { text: 'x', name: 'boss' } }))).toMatchObject({
      author: 'ann',
      isVerified: true,
    })
    expect(timeline.append(published(2, { publisher: null, data: { text: 'x', name: 'boss' } }))).toMatchObject({
      author: 'boss',
      isVerified: false,
    })
    expect(timeline.append(published(3, { publisher: null, data: { text: 'x', name: 7 } }))?.author).toBe('somebody')
  })

  it('shows data that is no line of chat as it is', () => {
    const timeline = new Timeline('me')
    expect(timeline.append(published(1, { data: { text: 5 } }))?.text).toBe('{"text":5}')
    expect(timeline.append(published(2, { data: null }))?.text).toBe('null')
    expect(timeline.append(published(3, { data: 'hi' }))?.text).toBe('"hi"')
  })

  it('forgets the oldest chunks, and takes them again', () => {
    const timeline = new Timeline('me')
    for (let offset = 1; offset <= 160; offset++) timeline.append(published(offset))
    expect(timeline.trim(160)).toBe(false)
    expect(timeline.trim(100)).toBe(true)
    expect(timeline.size).toBe(110)
    expect(timeline.oldestPosition).toBe('p51')
    timeline.prepend(newestFirst(50, 49))
    expect(texts(timeline).slice(0, 3)).toEqual(['line 49', 'line 50', 'line 51'])
  })
})

describe('one’s own line', () => {
  it('is replaced by its delivery', () => {
    const timeline = new Timeline('me')
    timeline.locals.add('mine', 'hello', 0)
    expect(timeline.locals.isSending).toBe(true)
    timeline.append(published(1, { id: 'mine', publisher: 'me' }))
    expect(timeline.locals.list).toEqual([])
    timeline.locals.settle('mine', stored(1))
    expect(timeline.locals.list).toEqual([])
    expect(items(timeline)).toHaveLength(1)
    expect(items(timeline)[0]).toMatchObject({ isMine: true })
  })

  it('is not replaced by somebody else’s with the same id', () => {
    const timeline = new Timeline('me')
    timeline.locals.add('mine', 'hello', 0)
    timeline.append(published(1, { id: 'mine' }))
    expect(timeline.locals.list).toHaveLength(1)
  })

  it('waits as stored between acknowledgement and delivery', () => {
    const timeline = new Timeline('me')
    timeline.locals.add('mine', 'hello', 0)
    timeline.locals.settle('mine', stored(4))
    expect(timeline.locals.list).toMatchObject([{ status: 'stored' }])
    expect(timeline.locals.isUnsettled).toBe(false)
    timeline.append(published(3))
    expect(timeline.locals.list).toHaveLength(1)
    timeline.append(published(4, { id: 'mine', publisher: 'me' }))
    expect(timeline.locals.list).toEqual([])
    expect(texts(timeline)).toEqual(['line 3', 'line 4'])
  })

  it('takes its place when a gap swallowed its delivery', () => {
    const timeline = new Timeline('me')
    timeline.locals.add('a', 'first', 0)
    timeline.locals.add('b', 'second', 0)
    timeline.locals.settle('b', stored(3))
    timeline.locals.settle('a', stored(2))
    timeline.appendGap(gap('skipped', 2))
    timeline.append(published(4))
    expect(texts(timeline)).toEqual(['[skipped]', 'first', 'second', 'line 4'])
    expect(timeline.locals.list).toEqual([])
  })

  it('of a log that is gone stands before the gap that says so', () => {
    const timeline = new Timeline('me')
    timeline.locals.add('a', 'old', 0)
    timeline.locals.settle('a', stored(900))
    timeline.locals.add('b', 'waits', 0)
    timeline.appendGap(gap('epoch-changed'))
    timeline.append(published(1))
    expect(texts(timeline)).toEqual(['old', '[epoch-changed]', 'line 1'])
    expect(timeline.locals.list).toMatchObject([{ id: 'b' }])
  })

  it('says why it was rejected, and when nobody knows', () => {
    const { locals } = new Timeline('me')
    for (const id of ['a', 'b', 'c']) locals.add(id, id, 0)
    locals.settle('a', { ok: false, error: { code: 'forbidden', message: 'no', retryable: false } })
    locals.settle('b', { ok: false, error: { code: 'outcome-unknown', message: 'x', retryable: false } })
    locals.settle('c', { ok: false, error: { code: 'invalid-data', message: 'text is too long', retryable: false } })
    expect(locals.list).toMatchObject([
      { status: 'rejected', why: 'You may not write here.' },
      { status: 'unknown', why: expect.stringContaining('nobody can tell') as string },
      { status: 'rejected', why: 'text is too long' },
    ])
    expect(locals.isSending).toBe(false)
    expect(locals.isUnsettled).toBe(true)
  })

  it('that nobody knew of is replaced when it is delivered after all', () => {
    const timeline = new Timeline('me')
    timeline.locals.add('mine', 'hello', 0)
    timeline.locals.settle('mine', { ok: false, error: { code: 'outcome-unknown', message: '', retryable: false } })
    timeline.append(published(1, { id: 'mine', publisher: 'me' }))
    expect(timeline.locals.list).toEqual([])
  })
})

describe('a gap', () => {
  it('can be filled only where the server may still have something', () => {
    const reasons: readonly GapReason[] = ['trimmed', 'expired', 'purged', 'epoch-changed', 'skipped', 'broker']
    const fillable = reasons.map((reason) => {
      const timeline = new Timeline('me')
      timeline.appendGap(gap(reason))
      return items(timeline)[0]
    })
    expect(fillable.map((item) => item?.kind === 'gap' && item.fillable)).toEqual([
      false,
      false,
      false,
      true,
      true,
      true,
    ])
  })

  it('goes when history reaches the line before it', () => {
    const timeline = new Timeline('me')
    timeline.append(published(1))
    timeline.appendGap(gap('skipped', 2))
    timeline.append(published(4))
    expect(timeline.positionAfter(gapKey(timeline))).toBe('p4')
    timeline.fill(gapKey(timeline), newestFirst(3, 2, 1), true)
    expect(texts(timeline)).toEqual(['line 1', 'line 2', 'line 3', 'line 4'])
  })

  it('stays above a page that does not reach so far, to be filled further', () => {
    const timeline = new Timeline('me')
    timeline.append(published(1))
    timeline.appendGap(gap('broker'))
    timeline.append(published(9))
    timeline.fill(gapKey(timeline), newestFirst(8, 7), true)
    expect(texts(timeline)).toEqual(['line 1', '[broker]', 'line 7', 'line 8', 'line 9'])
    expect(timeline.positionAfter(gapKey(timeline))).toBe('p7')
    timeline.fill(gapKey(timeline), newestFirst(6), false)
    expect(texts(timeline)).toEqual(['line 1', '[trimmed]', 'line 6', 'line 7', 'line 8', 'line 9'])
    expect(items(timeline)[1]).toMatchObject({ fillable: false })
  })

  it('between two logs stays, and gets what the new one has', () => {
    const timeline = new Timeline('me')
    timeline.append(published(7, { position: 'old7' }))
    timeline.appendGap(gap('epoch-changed'))
    expect(timeline.positionAfter(gapKey(timeline))).toBeUndefined()
    timeline.append(published(3))
    timeline.fill(gapKey(timeline), newestFirst(3, 2, 1), false)
    expect(texts(timeline)).toEqual(['line 7', '[epoch-changed]', 'line 1', 'line 2', 'line 3'])
    expect(items(timeline)[1]).toMatchObject({ fillable: false, filling: false })
  })

  it('shows that it is being filled', () => {
    const timeline = new Timeline('me')
    timeline.appendGap(gap('skipped'))
    timeline.setFilling(gapKey(timeline), true)
    expect(items(timeline)[0]).toMatchObject({ filling: true })
  })
})
