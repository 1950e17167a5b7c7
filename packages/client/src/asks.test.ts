import { afterEach, expect, test, vi } from 'vitest'
import { type Peer, publication, ScriptedServer } from '../test/scripted-server.js'
import { testClient, untilState } from '../test/test-client.js'

afterEach(() => vi.useRealTimers())

const start = async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url })
  return { server, client, a: client.channel('a') }
}

test('reads a page of history, asking again when the connection is cut', async () => {
  const { server, a } = await start()
  const page = a.history({ direction: 'backward', from: 'p9', limit: 2 })
  const first = await server.peer()
  await first.welcome()
  await first.next('history')
  first.socket.terminate()
  const second = await server.peer()
  await second.welcome()
  const { id, ...asked } = await second.next('history')
  expect(asked).toEqual({ type: 'history', channel: 'a', direction: 'backward', from: 'p9', limit: 2 })
  const gap = { from: 'p9', to: 'p8', reason: 'trimmed', missed: 1 } as const
  const publications = [publication(7), publication(6)]
  second.send({ type: 'history', id, channel: 'a', publications, gap, position: 'p6', more: true })
  expect(await page).toEqual({
    ok: true,
    items: publications.map((item) => ({ kind: 'publication', ...item })),
    gap: { kind: 'gap', ...gap },
    position: 'p6',
    more: true,
  })
})

test('gives failures of history as values', async () => {
  const { server, client, a } = await start()
  const abort = new AbortController()
  const aborted = a.history({ signal: abort.signal })
  abort.abort()
  expect(await aborted).toMatchObject({ ok: false, error: { code: 'aborted' } })
  expect(await a.history({ signal: AbortSignal.abort() })).toMatchObject({ ok: false, error: { code: 'aborted' } })
  const refused = a.history()
  const peer = await server.peer()
  await peer.welcome()
  peer.refuse(await peer.next('history'), 'forbidden')
  expect(await refused).toMatchObject({ ok: false, error: { code: 'forbidden' } })
  const open = a.history()
  client.close()
  expect(await open).toMatchObject({ ok: false, error: { code: 'closed' } })
  expect(await a.history()).toMatchObject({ ok: false, error: { code: 'closed' } })
})

test('enters a channel, and again after a reconnect with what was said last', async () => {
  const { server, a } = await start()
  const entered = a.presence.enter({ typing: false })
  const first = await server.peer()
  await first.welcome()
  const enter = await first.next('presence')
  expect(enter).toMatchObject({ action: 'enter', data: { typing: false } })
  first.send({ type: 'presence', id: enter.id, channel: 'a', member: 'm1' })
  expect(await entered).toEqual({ ok: true, member: 'm1' })
  const updated = a.presence.update({ typing: true })
  const update = await first.next('presence')
  first.send({ type: 'presence', id: update.id, channel: 'a' })
  expect(await updated).toEqual({ ok: true })
  first.socket.terminate()

  const second = await server.peer()
  await second.welcome()
  const again = await second.next('presence')
  expect(again).toMatchObject({ action: 'enter', data: { typing: true } })
  second.refuse(again, 'overloaded', true)
  const retried = await second.next('presence')
  expect(retried).toMatchObject({ action: 'enter', data: { typing: true } })
  second.send({ type: 'presence', id: retried.id, channel: 'a', member: 'm1' })
  const left = a.presence.leave()
  const leave = await second.next('presence')
  expect(leave.action).toBe('leave')
  second.send({ type: 'presence', id: leave.id, channel: 'a' })
  expect(await left).toEqual({ ok: true })
  second.socket.terminate()

  const third = await server.peer()
  const present = a.presence.get()
  await third.welcome()
  const get = await third.next('presence')
  expect(get.action).toBe('get')
  const members = [{ member: 'm2', user: null, data: null, enteredAt: 3 }]
  third.send({ type: 'presence', id: get.id, channel: 'a', members })
  expect(await present).toEqual({ ok: true, members })
})

test('enters again before it sends what was asked while it was away', async () => {
  const { server, client, a } = await start()
  const entered = a.presence.enter(1)
  const first = await server.peer()
  await first.welcome()
  const enter = await first.next('presence')
  first.send({ type: 'presence', id: enter.id, channel: 'a', member: 'm1' })
  await entered
  first.socket.terminate()
  await untilState(client, 'waiting')
  void a.presence.update(2)
  const second = await server.peer()
  await second.welcome()
  expect(await second.next('presence')).toMatchObject({ action: 'enter', data: 1 })
  expect(await second.next('presence')).toMatchObject({ action: 'update', data: 2 })
})

test('does not enter again where it was refused', async () => {
  const { server, a } = await start()
  const entered = a.presence.enter()
  const first = await server.peer()
  await first.welcome()
  first.refuse(await first.next('presence'), 'forbidden')
  expect(await entered).toMatchObject({ ok: false, error: { code: 'forbidden' } })
  first.socket.terminate()
  const second = await server.peer()
  await second.welcome()
  const ping = a.history()
  expect(await second.next('history')).toMatchObject({ type: 'history' })
  void ping
})

/** Takes the next presence command, which must be this one. */
const presence = async (peer: Peer, action: string, data?: unknown) => {
  const command = await peer.next('presence')
  expect([command.action, command.data]).toEqual([action, data])
  return { type: 'presence', id: command.id, channel: 'a', member: 'm1' } as const
}

const enterA = async () => {
  const { server, client, a } = await start()
  const entered = a.presence.enter('A')
  const peer = await server.peer()
  await peer.welcome()
  peer.send(await presence(peer, 'enter', 'A'))
  expect(await entered).toMatchObject({ ok: true })
  return { server, client, presence: a.presence, peer }
}

const nextPeer = async (server: ScriptedServer, before: Peer): Promise<Peer> => {
  before.socket.terminate()
  const peer = await server.peer()
  await peer.welcome()
  return peer
}

test.each([
  ['update', 'enter', 'in order', false],
  ['update', 'enter', 'out of order', true],
  ['enter', 'update', 'in order', false],
  ['update', 'update', 'out of order', true],
] as const)(
  'enters again with what was said last: %s, then %s, answered %s',
  async (one, other, _title, isReversed) => {
    const { server, presence: own, peer } = await enterA()
    const both = [own[one]('B'), own[other]('C')]
    const replies = [await presence(peer, one, 'B'), await presence(peer, other, 'C')]
    peer.send(...(isReversed ? replies.reverse() : replies))
    for (const result of both) expect(await result).toMatchObject({ ok: true })
    const second = await nextPeer(server, peer)
    second.send(await presence(second, 'enter', 'C'))
  },
)

test('keeps the order of unanswered changes of presence across reconnects, after entering as before', async () => {
  const { server, presence: own, peer } = await enterA()
  void own.update('B')
  void own.enter('C')
  await presence(peer, 'update', 'B')
  await presence(peer, 'enter', 'C')
  let latest = peer
  for (let session = 0; session < 3; session++) {
    latest = await nextPeer(server, latest)
    await presence(latest, 'enter', 'A')
    await presence(latest, 'update', 'B')
    await presence(latest, 'enter', 'C')
  }
})

test('stays present as before when entering with something else is refused', async () => {
  const { server, presence: own, peer } = await enterA()
  const refused = own.enter('C')
  const { id } = await presence(peer, 'enter', 'C')
  peer.send({ type: 'error', id, code: 'payload-too-large', message: 'no', retryable: false })
  expect(await refused).toMatchObject({ ok: false })
  const second = await nextPeer(server, peer)
  await presence(second, 'enter', 'A')
})

test('does not enter again after it left, whatever is answered later', async () => {
  const { server, client, presence: own, peer } = await enterA()
  void own.update('B')
  const left = own.leave()
  const update = await presence(peer, 'update', 'B')
  peer.send(await presence(peer, 'leave'), update)
  await left
  const second = await nextPeer(server, peer)
  void client.channel('a').history()
  await second.next('history')
})

test('does not enter again as before once it entered anew', async () => {
  const { server, presence: own, peer } = await enterA()
  const second = await nextPeer(server, peer)
  const refused = await second.next('presence')
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const entered = own.enter('C')
  const enter = await presence(second, 'enter', 'C')
  second.refuse(refused, 'overloaded', true)
  second.send(enter)
  expect(await entered).toMatchObject({ ok: true })
  // The longest backoff: an attempt to enter again would be the next command.
  vi.advanceTimersByTime(20)
  void own.get()
  expect((await second.next('presence')).action).toBe('get')
})
