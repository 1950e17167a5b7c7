import type { RawClient } from '@tidings/testing'
import { expect, test } from 'vitest'
import { allowing, inSeconds, MovedClock, startWithTokens, token } from '../access/token.fixture.js'
import { connect, latch, LoggedLines, start } from '../node.fixture.js'

const CHAT = allowing({ 'chat:{room}': ['subscribe', 'publish', 'presence'] })
const WEAKER = allowing({ 'chat:other': ['subscribe'] })

const pushesOf = (client: RawClient, type: string, start = 0): readonly object[] =>
  client.received.slice(start).filter((item) => item.type === type)

test('a session is asked for the next token before its own expires, and goes on with it', async () => {
  const clock = new MovedClock()
  // Somebody sets the wall clock; a process that stood still for so long would end its sessions.
  const node = await startWithTokens({ clock: { now: () => clock.now(), monotonic: () => performance.now() } })
  const client = await connect(node, { token: await token({ ...CHAT, exp: inSeconds(600) }) })
  await client.request({ type: 'subscribe', channel: 'chat:a' })
  clock.aheadMs = 576_000 // The tolerance of five seconds is added to the ten minutes.
  const asked = await client.next('token-expiring')
  expect(asked.expiresInMs).toBeLessThanOrEqual(30_000)
  expect(asked.expiresInMs).toBeGreaterThan(20_000)
  const next = await token({ ...CHAT, exp: inSeconds(1200) })
  expect(await client.request({ type: 'refresh', token: next })).toMatchObject({ type: 'refreshed' })
  clock.aheadMs = 1_000_000
  expect(await client.request({ type: 'publish', channel: 'chat:a', data: { text: 'on' } })).toMatchObject({
    type: 'published',
  })
  await client.countOf('chat:a', 1)
  expect(pushesOf(client, 'subscription-ended')).toEqual([])
})

test('a session that brings no other token is asked again, then closed with 4005, which lets it come back', async () => {
  const clock = new MovedClock()
  const node = await startWithTokens({ clock })
  const own = await token({ exp: inSeconds(600) })
  const client = await connect(node, { token: own })
  for (const [aheadMs, times] of [
    [576_000, 1],
    [592_000, 2],
    [600_000, 3],
  ] as const) {
    clock.aheadMs = aheadMs
    while (pushesOf(client, 'token-expiring').length < times) {
      await client.next('token-expiring', client.received.length)
    }
  }
  clock.aheadMs = 606_000
  expect(await client.closed).toEqual({ code: 4005, reason: 'token-expired' })
  const again = await connect(node, { token: own })
  expect(again.received[0]).toMatchObject({ code: 'unauthorized', message: 'the token has expired' })
  expect(await again.closed).toMatchObject({ code: 4501 })
})

test('a refresh ends what lost its right, tells why, and leaves the rest alone', async () => {
  const node = await startWithTokens({ allow: { 'long:{name}': { subscribe: true } } })
  const client = await connect(node, { token: await token(CHAT) })
  const watcher = await connect(node, { token: await token(CHAT) })
  await watcher.request({ type: 'subscribe', channel: 'chat:a', presence: true })
  for (const sub of [0, 2]) await client.request({ type: 'subscribe', channel: 'chat:a', sub })
  await client.request({ type: 'subscribe', channel: 'chat:other' })
  await client.request({ type: 'subscribe', channel: 'chat:other', sub: 1, presence: true })
  await client.request({ type: 'subscribe', channel: 'long:a' })
  await client.request({ type: 'presence', channel: 'chat:a', action: 'enter', data: null })
  await watcher.find((item) => item.type === 'member' && item.change === 'entered')

  const start = client.received.length
  expect(await client.request({ type: 'refresh', token: await token(WEAKER) })).toMatchObject({ type: 'refreshed' })
  const ended = { type: 'subscription-ended', code: 'forbidden', retryable: false }
  const why = 'you may not subscribe to this channel'
  // All of it before the reply.
  expect(client.received.slice(start)).toEqual([
    { ...ended, channel: 'chat:a', message: why },
    { ...ended, channel: 'chat:a', sub: 2, message: why },
    { ...ended, channel: 'chat:other', sub: 1, message: 'you may not take part in the presence of this channel' },
    { type: 'refreshed', id: expect.any(Number) as number },
  ])
  await watcher.find((item) => item.type === 'member' && item.change === 'left')

  const publish = (channel: 'chat:{room}' | 'long:{name}', params: { room: string; name: string }) =>
    node.tidings.channel(channel, params).publish(channel === 'long:{name}' ? 1 : { text: 'x' })
  await publish('chat:{room}', { room: 'a', name: '' })
  await publish('chat:{room}', { room: 'other', name: '' })
  await publish('long:{name}', { room: '', name: 'a' })
  await client.countOf('chat:other', 1)
  await client.countOf('long:a', 1)
  expect(client.dataOf('chat:a')).toEqual([])
  expect(await client.request({ type: 'unsubscribe', channel: 'chat:a' })).toMatchObject({ code: 'not-subscribed' })
  expect(await client.request({ type: 'publish', channel: 'chat:a', data: { text: 'x' } })).toMatchObject({
    code: 'forbidden',
  })
  expect(await client.request({ type: 'presence', channel: 'chat:a', action: 'leave' })).toMatchObject({
    code: 'forbidden',
  })
})

test('a refresh asks the rules again, and what follows it waits for that', async () => {
  const members = new Set(['ann'])
  let gate = latch()
  gate.open()
  const node = await startWithTokens({
    allow: {
      'chat:{room}': {
        subscribe: async ({ user }) => {
          await gate.opened
          return members.has(user?.id ?? '')
        },
        publish: true,
      },
    },
  })
  const client = await connect(node, { token: await token() })
  await client.request({ type: 'subscribe', channel: 'chat:a' })
  members.clear()
  gate = latch()
  const start = client.received.length
  client.send([
    { type: 'refresh', id: 90, token: await token() },
    { type: 'publish', id: 91, channel: 'chat:a', data: { text: 'x' } },
  ])
  gate.open()
  await client.find((item) => 'id' in item && item.id === 91)
  expect(client.received.slice(start).map(({ type }) => type)).toEqual(['subscription-ended', 'refreshed', 'published'])
})

test('a subscription that is being set up when its right goes is answered with that', async () => {
  const node = await startWithTokens()
  const client = await connect(node, { token: await token(CHAT) })
  client.send([
    { type: 'subscribe', id: 90, channel: 'chat:a' },
    { type: 'refresh', id: 91, token: await token(WEAKER) },
  ])
  await client.find((item) => 'id' in item && item.id === 91)
  await client.request({ type: 'ping' })
  const about = client.received.filter(
    (item) => ('id' in item && item.id === 90) || item.type === 'subscription-ended' || item.type === 'caught-up',
  )
  // Whether it was still being set up is a matter of turns; either way it is told once that it is over.
  expect(about.at(-1)).toMatchObject({ code: 'forbidden' })
  expect(node.tidings.health().channels).toBe(0)
})

test('a refresh that is refused changes nothing, and each refusal has its code', async () => {
  const logger = new LoggedLines()
  const node = await startWithTokens({ logger })
  const client = await connect(node, { token: await token(CHAT) })
  await client.request({ type: 'subscribe', channel: 'chat:a' })
  const expired = await token({ exp: inSeconds(-60), iat: inSeconds(-90) })
  const answers = [
    await client.request({ type: 'refresh', token: 'nonsense' }),
    await client.request({ type: 'refresh', token: expired }),
    await client.request({ type: 'refresh', token: await token({ ...CHAT, sub: 'bob' }) }),
  ]
  expect(answers).toMatchObject([
    { code: 'unauthorized', message: 'the token is no signed JWT', retryable: false },
    { code: 'unauthorized', message: 'the token has expired' },
    { code: 'user-changed', retryable: false },
  ])
  expect(await client.request({ type: 'publish', channel: 'chat:a', data: { text: 'x' } })).toMatchObject({
    type: 'published',
  })
  await client.countOf('chat:a', 1)
  expect(JSON.stringify(logger.lines)).not.toContain(expired)
})

test('a refresh while authenticate fails is answered internal, and its token stays out of the log', async () => {
  const logger = new LoggedLines()
  const secret = 'an-opaque-token-of-ann'
  const node = await start({
    logger,
    authenticate: ({ token: text }) => {
      if (text === undefined) return { id: 'ann' }
      throw new Error(`no answer about ${text}`)
    },
  })
  const client = await connect(node)
  expect(await client.request({ type: 'refresh', token: secret })).toMatchObject({ code: 'internal', retryable: true })
  expect(await client.request({ type: 'ping' })).toMatchObject({ type: 'pong' })
  const other = await connect(node, { headers: { authorization: `Bearer ${secret}` } })
  expect(other.received[0]).toMatchObject({ code: 'internal' })
  expect(await other.closed).toMatchObject({ code: 4004 })
  expect(logger.lines.map(({ fields }) => (fields as { error: string }).error)).toEqual([
    'no answer about [token]',
    'no answer about [token]',
  ])
  expect(JSON.stringify(logger.lines)).not.toContain(secret)
})

test('a nobody cannot become somebody by a refresh', async () => {
  const node = await start()
  const client = await connect(node)
  expect(await client.request({ type: 'refresh', token: 'ann' })).toMatchObject({ code: 'user-changed' })
  const ann = await connect(node, { token: 'ann' })
  expect(await ann.request({ type: 'refresh', token: 'ann' })).toMatchObject({ type: 'refreshed' })
})
