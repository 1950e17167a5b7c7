import { expect, test } from 'vitest'
import { publication, ScriptedServer } from '../test/scripted-server.js'
import { testClient, untilState } from '../test/test-client.js'

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
