import { channel, defineContract } from '@tidings/contract'
import { expect, test } from 'vitest'
import { Channels } from './channels.js'

const contract = defineContract({
  'chat:{room}': channel({ history: { maxCount: 5 }, presence: true, dedupeWindowMs: 60_000 }),
  'chat:lobby': channel({}),
  'kept:{rest...}': channel({ history: { maxAgeMs: 5 }, durability: 'memory' }),
})

const RATE = { perSecond: 1, burst: 1, monotonic: () => 0 }

test('gives a channel the rules of its pattern', () => {
  const channels = new Channels(contract, false, 'disk', RATE)
  expect(channels.find('chat:a')).toMatchObject({
    ok: true,
    channel: {
      name: 'chat:a',
      presence: true,
      match: { pattern: 'chat:{room}', params: { room: 'a' } },
      log: { name: 'chat:a', history: { maxCount: 5 }, durability: 'disk', dedupeWindowMs: 60_000 },
    },
  })
  expect(channels.find('chat:lobby')).toMatchObject({
    channel: { presence: false, log: { history: null, durability: 'none', dedupeWindowMs: 120_000 } },
  })
  expect(channels.find('kept:a:b')).toMatchObject({ channel: { log: { durability: 'memory' } } })
})

test('says why a channel is none', () => {
  const channels = new Channels(contract, false, 'memory', RATE)
  expect(channels.find('nowhere')).toMatchObject({ ok: false, code: 'unknown-channel' })
  expect(channels.find('chat:')).toMatchObject({ ok: false, code: 'bad-channel' })
  expect(channels.find('')).toMatchObject({ ok: false, code: 'bad-channel' })
})

test('gives the same channel for the same name', () => {
  const channels = new Channels(contract, false, 'memory', RATE)
  expect(channels.find('chat:a')).toEqual(channels.find('chat:a'))
  const [first, second] = [channels.find('chat:a'), channels.find('chat:a')]
  expect(first.ok && second.ok && first.channel === second.channel).toBe(true)
})

test('knows any channel under dev', () => {
  const channels = new Channels(undefined, true, 'disk', RATE)
  expect(channels.find('what:ever')).toMatchObject({ channel: { presence: true, log: { durability: 'disk' } } })
  expect(channels.find('what ever')).toMatchObject({ code: 'bad-channel' })
})

test('tells the shortest dedupe window', () => {
  expect(new Channels(contract, false, 'memory', RATE).shortestDedupeWindowMs()).toBe(60_000)
  expect(new Channels(undefined, true, 'memory', RATE).shortestDedupeWindowMs()).toBe(120_000)
})
