import type { ServerMessage } from '@tidings/protocol'
import { describe, expect, test } from 'vitest'
import type { AccessRequest } from '../options.js'
import { allow, connect, publishNumbers, start, until } from '../node.fixture.js'

const pushesOf = (received: readonly ServerMessage[], sub?: number): readonly ServerMessage[] =>
  received.filter((item) => !('id' in item) && 'channel' in item && ('sub' in item ? item.sub : undefined) === sub)

/** Kinds and data of what was pushed, in order. */
const shape = (received: readonly ServerMessage[], sub?: number): readonly unknown[] =>
  pushesOf(received, sub).flatMap((item) => {
    if (item.type === 'publications') return item.publications.map((each) => ('data' in each ? each.data : 'echo'))
    return item.type === 'gap' ? [`gap ${item.reason} ${item.missed}`] : [item.type]
  })

describe('a subscription', () => {
  test('resumes after its position, says when it has caught up, and goes on live', async () => {
    const client = await connect(await start())
    const positions = await publishNumbers(client, 'long:a', 5)
    const reply = await client.request({ type: 'subscribe', channel: 'long:a', from: positions[1] ?? '' })
    expect(reply).toMatchObject({ type: 'subscribed', channel: 'long:a', position: positions[1] })
    const { position } = await client.next('caught-up')
    expect(position).toBe(positions[4])
    await publishNumbers(client, 'long:a', 1, 5)
    await client.countOf('long:a', 4)
    expect(shape(client.received)).toEqual([2, 3, 4, 'caught-up', 5])
  })

  test('begins live without a position', async () => {
    const client = await connect(await start())
    const [position] = await publishNumbers(client, 'long:a', 1)
    expect(await client.request({ type: 'subscribe', channel: 'long:a' })).toMatchObject({ position })
    await publishNumbers(client, 'long:a', 1, 1)
    await client.countOf('long:a', 1)
    expect(shape(client.received)).toEqual(['caught-up', 1])
  })

  test('gets a gap in place of what was trimmed', async () => {
    const client = await connect(await start())
    const positions = await publishNumbers(client, 'any:a', 6)
    await client.request({ type: 'subscribe', channel: 'any:a', from: positions[0] ?? '' })
    await client.next('caught-up')
    expect(shape(client.received)).toEqual(['gap trimmed 2', 3, 4, 5, 'caught-up'])
    expect(await client.next('gap')).toMatchObject({ from: positions[0], to: positions[2] })
  })

  test('gets a gap to the tail for a position that is not of this log, and goes on live', async () => {
    const client = await connect(await start())
    const positions = await publishNumbers(client, 'any:a', 2)
    for (const [sub, from] of ['foreign', 'other:1', `${positions[0] ?? ''}9`].entries()) {
      const start = client.received.length
      await client.request({ type: 'subscribe', channel: 'any:a', sub: sub + 1, from })
      expect(await client.next('gap', start)).toMatchObject({ from, to: positions[1], missed: null })
      await client.next('caught-up', start)
      expect(shape(client.received, sub + 1)).toEqual(['gap epoch-changed null', 'caught-up'])
    }
    await publishNumbers(client, 'any:a', 1, 2)
    await client.countOf('any:a', 3)
    expect(shape(client.received, 1)).toEqual(['gap epoch-changed null', 'caught-up', 2])
  })

  test('rewinds by count and by age', async () => {
    const client = await connect(await start())
    await publishNumbers(client, 'long:a', 5)
    const rewinds = [{ count: 2 }, { count: 0 }, { count: 100 }, { ageMs: 60_000 }, { count: 1, ageMs: 60_000 }]
    for (const [sub, rewind] of rewinds.entries()) {
      await client.request({ type: 'subscribe', channel: 'long:a', sub: sub + 1, rewind })
      await client.find((item) => item.type === 'caught-up' && item.sub === sub + 1)
    }
    const live = 'caught-up'
    expect(rewinds.map((_, sub) => shape(client.received, sub + 1))).toEqual([
      [3, 4, live],
      [live],
      [0, 1, 2, 3, 4, live],
      [0, 1, 2, 3, 4, live],
      [4, live],
    ])
  })

  test('is apart from another one of the same session and channel', async () => {
    const client = await connect(await start())
    await client.request({ type: 'subscribe', channel: 'any:a' })
    expect(await client.request({ type: 'subscribe', channel: 'any:a', sub: 1 })).toMatchObject({ sub: 1 })
    const again = await client.request({ type: 'subscribe', channel: 'any:a', sub: 1 })
    expect(again).toMatchObject({ code: 'already-subscribed' })
    await publishNumbers(client, 'any:a', 1)
    await client.request({ type: 'unsubscribe', channel: 'any:a' })
    await publishNumbers(client, 'any:a', 1, 1)
    await client.countOf('any:a', 3)
    expect(shape(client.received)).toEqual(['caught-up', 0])
    expect(shape(client.received, 1)).toEqual(['caught-up', 0, 1])
  })

  test('gives nothing more once it was ended, and its channel is let go', async () => {
    const node = await start()
    const client = await connect(node)
    const gone = await client.request({ type: 'unsubscribe', channel: 'any:a' })
    expect(gone).toMatchObject({ code: 'not-subscribed' })
    await client.request({ type: 'subscribe', channel: 'any:a' })
    expect(node.tidings.health()).toMatchObject({ channels: 1 })
    client.send([
      { type: 'publish', id: 100, channel: 'any:a', data: 'just before' },
      { type: 'unsubscribe', id: 101, channel: 'any:a' },
    ])
    const at = client.received.indexOf(await client.next('unsubscribed'))
    await publishNumbers(client, 'any:a', 2)
    await client.request({ type: 'ping' })
    expect(pushesOf(client.received.slice(at))).toEqual([])
    expect(node.tidings.health()).toMatchObject({ channels: 0 })
  })

  test('may end and begin again in one frame', async () => {
    const node = await start()
    const client = await connect(node)
    client.send([
      { type: 'subscribe', id: 11, channel: 'any:a' },
      { type: 'unsubscribe', id: 12, channel: 'any:a' },
      { type: 'subscribe', id: 13, channel: 'any:a' },
      { type: 'publish', id: 14, channel: 'any:a', data: 'heard once' },
    ])
    await client.countOf('any:a', 1)
    await client.request({ type: 'ping' })
    const replies = client.received.filter((item) => 'id' in item && item.id > 10)
    expect(replies.find((item) => 'id' in item && item.id === 11)).toMatchObject({ code: 'not-subscribed' })
    expect(replies.find((item) => 'id' in item && item.id === 12)).toMatchObject({ type: 'unsubscribed' })
    expect(replies.find((item) => 'id' in item && item.id === 13)).toMatchObject({ type: 'subscribed' })
    expect(client.dataOf('any:a')).toEqual(['heard once'])
    expect(node.tidings.health().channels).toBe(1)
    await client.close()
    await until(() => node.tidings.health().channels === 0)
  })

  test('sees what every publisher of the turn published, in one order for all', async () => {
    const node = await start()
    const clients = await Promise.all(Array.from({ length: 4 }, () => connect(node)))
    for (const client of clients) await client.request({ type: 'subscribe', channel: 'long:a' })
    await Promise.all(clients.map((client, index) => publishNumbers(client, 'long:a', 25, index * 100)))
    for (const client of clients) await client.countOf('long:a', 100)
    const [first, ...others] = clients.map((client) => client.dataOf('long:a'))
    for (const other of others) expect(other).toEqual(first)
  })
})

describe('a channel that keeps nothing', () => {
  test('delivers, and a subscriber that returns gets a gap', async () => {
    const node = await start()
    const client = await connect(node)
    const other = await connect(node)
    const { position } = (await client.request({ type: 'subscribe', channel: 'typing:a' })) as { position: string }
    await publishNumbers(other, 'typing:a', 3)
    await client.countOf('typing:a', 3)
    expect(shape(client.received)).toEqual(['caught-up', 0, 1, 2])
    await client.request({ type: 'subscribe', channel: 'typing:a', sub: 1, from: position })
    await client.find((item) => item.type === 'caught-up' && item.sub === 1)
    expect(shape(client.received, 1)).toEqual(['gap trimmed 3', 'caught-up'])
    await publishNumbers(other, 'typing:a', 1, 3)
    await client.countOf('typing:a', 5)
    expect(shape(client.received, 1)).toEqual(['gap trimmed 3', 'caught-up', 3])
  })

  test('cannot be rewound', async () => {
    const client = await connect(await start())
    const reply = await client.request({ type: 'subscribe', channel: 'typing:a', rewind: { count: 1 } })
    expect(reply).toMatchObject({ code: 'history-disabled' })
  })
})

describe('a subscribe is refused', () => {
  test('with from and rewind together', async () => {
    const client = await connect(await start())
    const both = { type: 'subscribe', channel: 'any:a', from: 'x', rewind: { count: 1 } } as const
    expect(await client.request(both)).toMatchObject({ code: 'bad-command' })
  })

  test('beyond the limit, until one is given up', async () => {
    const node = await start({ limits: { maxSubscriptions: 2 } })
    const client = await connect(node)
    for (const name of ['a', 'b']) await client.request({ type: 'subscribe', channel: `any:${name}` })
    const third = { type: 'subscribe', channel: 'any:c' } as const
    expect(await client.request(third)).toMatchObject({ code: 'too-many-subscriptions' })
    await client.request({ type: 'unsubscribe', channel: 'any:a' })
    expect(await client.request(third)).toMatchObject({ type: 'subscribed' })
  })

  test('where there is no presence to see', async () => {
    const node = await start()
    const client = await connect(node)
    const reply = await client.request({ type: 'subscribe', channel: 'any:a', presence: true })
    expect(reply).toMatchObject({ code: 'presence-disabled' })
    expect(node.tidings.health().channels).toBe(0)
  })

  test('when the rule says no, which sees the user, the parameters and the channel', async () => {
    const seen: AccessRequest[] = []
    const subscribe = (request: AccessRequest): boolean => {
      seen.push(request)
      return request.user?.id === request.params.id
    }
    const node = await start({ allow: { ...allow, 'private:{id}': { subscribe } } })
    const ada = await connect(node, { token: 'ada' })
    expect(await ada.request({ type: 'subscribe', channel: 'private:ada' })).toMatchObject({ type: 'subscribed' })
    expect(await ada.request({ type: 'subscribe', channel: 'private:bob' })).toMatchObject({ code: 'forbidden' })
    expect(seen).toMatchObject([
      { user: { id: 'ada' }, params: { id: 'ada' }, channel: 'private:ada' },
      { user: { id: 'ada' }, params: { id: 'bob' }, channel: 'private:bob' },
    ])
  })
})
