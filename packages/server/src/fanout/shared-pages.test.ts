import { jsonCodec } from '@tidings/protocol'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Backend, LogChannel } from '../backend/backend.js'
import { memory } from '../backend/memory/index.js'
import { variantOf } from './encode.js'
import { SharedPages } from './shared-pages.js'

const channel: LogChannel = { name: 'a', durability: 'memory', history: { maxCount: 100 }, dedupeWindowMs: 60_000 }

describe('shared pages', () => {
  let backend: Backend
  let pages: SharedPages
  let start = ''

  const publish = async (payload: string): Promise<string> => {
    const { position } = await backend.log.publish(channel, { id: payload, scope: 's', publisher: null, payload })
    return position
  }

  beforeEach(async () => {
    backend = memory()
    await backend.open(() => undefined)
    pages = new SharedPages(channel, backend.log)
    start = await publish('0')
  })
  afterEach(async () => {
    pages.clear()
    await backend.close()
  })

  it('are read once and built once per variant for everyone at the same position', async () => {
    await publish('1')
    const [first, second] = await Promise.all([pages.read(start), pages.read(start)])
    expect(second).toBe(first)
    expect(await pages.read(start)).toBe(first)
    const variant = variantOf(jsonCodec, 0, false)
    expect(first.frames(variantOf(jsonCodec, 0, false))).toBe(first.frames(variant))
    expect(first.frames(variantOf(jsonCodec, 1, false))).not.toBe(first.frames(variant))
    expect(first.frames(variantOf(jsonCodec, 0, true))).not.toBe(first.frames(variant))
  })

  it('are read anew after the feed moved', async () => {
    await publish('1')
    expect((await pages.read(start)).page.publications).toHaveLength(1)
    await publish('2')
    pages.clear()
    expect((await pages.read(start)).page.publications).toHaveLength(2)
  })

  it('are not kept while they are empty, so that nobody waits at one for ever', async () => {
    expect((await pages.read(start)).page.publications).toEqual([])
    await publish('1')
    expect((await pages.read(start)).page.publications).toHaveLength(1)
  })

  it('are bounded: what was read longest ago is read anew', async () => {
    const positions: string[] = []
    for (let index = 1; index <= 20; index++) positions.push(await publish(String(index)))
    const first = await pages.read(start)
    for (const position of positions.slice(0, 10)) await pages.read(position)
    expect(await pages.read(start)).not.toBe(first)
  })

  it('hide no gap when the log is purged after they were read: it follows the page', async () => {
    await publish('1')
    const before = await pages.read(start)
    await backend.log.purge(channel)
    await publish('2')
    const { page } = await pages.read(start)
    expect(page).toBe(before.page)
    expect((await pages.read(page.end.position)).page).toMatchObject({ gap: null, publications: [{ payload: '2' }] })
    pages.clear()
    expect((await pages.read(start)).page).toMatchObject({ gap: { reason: 'purged', missed: 1 } })
  })

  it('are kept for a second, though the feed stands still', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    await publish('1')
    const first = await pages.read(start)
    vi.advanceTimersByTime(999)
    expect(await pages.read(start)).toBe(first)
    vi.advanceTimersByTime(1)
    const second = await pages.read(start)
    expect(second).not.toBe(first)
    // The second has its own second.
    vi.advanceTimersByTime(999)
    expect(await pages.read(start)).toBe(second)
  })

  it('are not kept when the log does not answer', async () => {
    await backend.close()
    const failing = new SharedPages(channel, {
      ...backend.log,
      notices: 'exact',
      read: () => Promise.reject(new Error('away')),
    })
    await expect(failing.read(start)).rejects.toThrow('away')
    await expect(failing.read(start)).rejects.toThrow('away')
    failing.clear()
  })
})
