import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkHistory } from '../checker/check-history.js'
import { loadHistory, Recorder, saveHistory } from './recorder.js'

const CHANNEL = { name: 'chat', durability: 'disk', keepsAll: true, dedupeWindowMs: 120_000 } as const

describe('Recorder', () => {
  let dir = ''

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tidings-recorder-'))
  })

  afterEach(async () => {
    await rm(dir, { recursive: true })
  })

  it('keeps events in their order, with times that do not fall', () => {
    const recorder = new Recorder({ channels: [CHANNEL] })
    for (let run = 1; run <= 5; run += 1) recorder.record({ kind: 'node-started', run, store: 'kept' })
    const { events } = recorder.history
    expect(events.map((event) => event.kind === 'node-started' && event.run)).toEqual([1, 2, 3, 4, 5])
    expect(events.map(({ atMs }) => atMs)).toEqual(events.map(({ atMs }) => atMs).sort((a, b) => a - b))
  })

  it('writes a history to a file that is checked with the same outcome again', async () => {
    const recorder = new Recorder({ channels: [CHANNEL], maxRssBytes: 1000 })
    const subscription = recorder.nextSubscription()
    recorder.record({ kind: 'subscribe', subscription, channel: 'chat', client: 'c', how: 'by hand' })
    recorder.record({ kind: 'item', subscription, offset: 1, position: 'p:1', id: 'a', publisher: 'ann', hash: 'h' })
    recorder.record({ kind: 'memory', run: 1, rssBytes: 2000 })
    const path = join(dir, 'history.jsonl')
    await saveHistory(path, recorder.history)
    const loaded = await loadHistory(path)
    expect(loaded).toEqual(recorder.history)
    expect(checkHistory(loaded)).toEqual(checkHistory(recorder.history))
    expect(checkHistory(loaded).violationCount).toBe(2)
  })
})
