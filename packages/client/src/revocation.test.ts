import { expect, test } from 'vitest'
import { type Peer, ScriptedServer } from '../test/scripted-server.js'
import { take, testClient, untilState } from '../test/test-client.js'
import type { SubscriptionState } from './index.js'

/** Ann, who is subscribed to `a`, present there and has publication 1; each connection brings a token of its own. */
const start = async () => {
  const server = await ScriptedServer.start()
  let tokens = 0
  const client = testClient({ url: server.url, token: () => `token-${++tokens}` })
  const a = client.channel('a')
  const subscription = a.subscribe()
  const states: [SubscriptionState, string | undefined][] = []
  subscription.on('state', ({ state, error }) => states.push([state, error?.code]))
  const items = subscription[Symbol.asyncIterator]()
  const peer = await server.peer()
  await peer.welcome({ session: 's1' })
  await peer.subscribed('p0')
  const entered = a.presence.enter('here')
  peer.send({ type: 'presence', id: (await peer.next('presence')).id, channel: 'a', member: 'm' })
  await entered
  peer.push('a', [1])
  await take(items, 1)
  const revoke = async (at: Peer): Promise<void> => {
    const closed = untilState(client, 'closed')
    at.socket.close(4502, 'revoked')
    expect((await closed).reason).toEqual({ code: 'revoked', message: 'revoked' })
  }
  return { server, client, a, subscription, states, items, peer, revoke }
}

test('connects again after a revocation when it is told to, with a new token, and goes on where it was', async () => {
  const { server, client, a, states, items, peer, revoke } = await start()
  expect(client.session).toBe('s1')
  const next = items.next()
  await revoke(peer)
  expect(states.at(-1)).toEqual(['waiting', 'revoked'])
  expect(await a.publish(2)).toMatchObject({ ok: false, error: { code: 'revoked' } })
  expect(() => a.subscribe()).toThrow(expect.objectContaining({ code: 'revoked' }) as Error)
  expect(client.state).toBe('closed')
  client.connect()
  const second = await server.peer()
  expect(await second.welcome({ session: 's2' })).toMatchObject({ token: 'token-2' })
  expect(await second.subscribed('p1')).toMatchObject({ from: 'p1' })
  expect(await second.next('presence')).toMatchObject({ action: 'enter', data: 'here' })
  second.push('a', [2])
  expect(await next).toMatchObject({ value: { offset: 2 } })
  expect(client.session).toBe('s2')
  void a.publish(3)
  await second.published()
})

test('ends what was another user’s when somebody else logs in after a revocation, and nothing else', async () => {
  const { server, client, a, states, items, peer, revoke } = await start()
  peer.push('a', [2])
  peer.send({ type: 'caught-up', channel: 'a', position: 'p2' })
  await expect.poll(() => states.at(-1)?.[0]).toBe('live')
  await revoke(peer)
  client.connect()
  const own = client.channel('b').subscribe()
  const second = await server.peer()
  await second.welcome({ user: 'bob' })
  // Neither the subscription nor the presence of ann comes before it.
  expect((await second.subscribed('p0')).channel).toBe('b')
  second.push('b', [1])
  expect(await take(own[Symbol.asyncIterator](), 1)).toMatchObject([{ offset: 1 }])
  // What ann was given already is still handed out.
  expect(await take(items, 1)).toMatchObject([{ offset: 2 }])
  await expect(items.next()).rejects.toMatchObject({ code: 'user-changed', retryable: false })
  expect(states.at(-1)).toEqual(['ended', 'user-changed'])
  expect(client.user).toBe('bob')
  void a.publish(3)
  await second.published()
  // It is bob's from now on: he may be revoked, too.
  await revoke(second)
  client.connect()
  const third = await server.peer()
  await third.welcome({ user: 'bob' })
  expect((await third.subscribed('p1')).channel).toBe('b')
})

test('waits on when the token after a revocation is refused, until one is taken', async () => {
  const { server, client, items, peer, revoke } = await start()
  const next = items.next()
  await revoke(peer)
  for (let attempt = 0; attempt < 2; attempt++) {
    const closed = untilState(client, 'closed')
    client.connect()
    // A callback is asked once more.
    for (let asked = 0; asked < 2; asked++) {
      const refusing = await server.peer()
      refusing.refuse(await refusing.next('connect'), 'unauthorized')
    }
    expect((await closed).reason?.code).toBe('unauthorized')
  }
  client.connect()
  const second = await server.peer()
  expect((await second.welcome()).token).toBe('token-6')
  await second.subscribed('p1')
  second.push('a', [2])
  expect(await next).toMatchObject({ value: { offset: 2 } })
})

test('ends what waits after a revocation when it is closed, for good', async () => {
  const { client, items, peer, revoke } = await start()
  const next = items.next()
  await revoke(peer)
  client.close()
  expect(await next).toEqual({ done: true, value: undefined })
  expect(client.state).toBe('closed')
  expect(() => client.connect()).toThrow(expect.objectContaining({ code: 'closed' }) as Error)
})

test('connects again when it is told to after its token was refused for good; its subscriptions have ended', async () => {
  const server = await ScriptedServer.start()
  let token = 'old'
  const client = testClient({ url: server.url, token: () => token })
  const items = client.channel('a').subscribe()[Symbol.asyncIterator]()
  const next = items.next()
  for (let asked = 0; asked < 2; asked++) {
    const peer = await server.peer()
    peer.refuse(await peer.next('connect'), 'unauthorized')
  }
  await expect(next).rejects.toMatchObject({ code: 'unauthorized' })
  token = 'new'
  client.connect()
  const peer = await server.peer()
  expect((await peer.welcome()).token).toBe('new')
  void client.channel('a').history()
  await peer.next('history')
})

test('does not connect again after other closes that are for good', async () => {
  const { client, peer } = await start()
  const closed = untilState(client, 'closed')
  peer.socket.close(4503)
  await closed
  expect(() => client.connect()).toThrow(expect.objectContaining({ name: 'TidingsError' }) as Error)
})
