import type { Member, ServerMessage } from '@tidings/protocol'
import { msgpackCodec } from '@tidings/protocol/msgpack'
import type { RawClient } from '@tidings/testing'
import { expect, test } from 'vitest'
import { connect, start, until } from '../node.fixture.js'

const channel = 'chat:a'
const enter = (client: RawClient, data: string) => client.request({ type: 'presence', channel, action: 'enter', data })
const members = async (client: RawClient): Promise<readonly Member[]> => {
  const reply = await client.request({ type: 'presence', channel, action: 'get' })
  return (reply as { members: readonly Member[] }).members
}
const changes = (received: readonly ServerMessage[]): readonly unknown[] =>
  received.flatMap((item) => (item.type === 'member' ? [[item.change, item.member.data]] : []))

test('pushes who is there, then who enters, changes and leaves', async () => {
  const node = await start()
  const ada = await connect(node, { token: 'ada' })
  await enter(ada, 'ada')
  const watchers = [await connect(node), await connect(node, { codec: msgpackCodec })]
  for (const watcher of watchers) {
    await watcher.request({ type: 'subscribe', channel, presence: true })
    expect(await watcher.next('members')).toMatchObject({ channel, members: [{ user: 'ada', data: 'ada' }] })
  }
  const bob = await connect(node, { token: 'bob' })
  const entered = await enter(bob, 'bob')
  const { member } = entered as { member: string }
  await bob.request({ type: 'presence', channel, action: 'update', data: 'robert' })
  await bob.request({ type: 'presence', channel, action: 'leave' })
  for (const watcher of watchers) {
    await watcher.find((item) => item.type === 'member' && item.change === 'left')
    expect(changes(watcher.received)).toEqual([
      ['entered', 'bob'],
      ['updated', 'robert'],
      ['left', 'robert'],
    ])
    const told = watcher.received.flatMap((item) => (item.type === 'member' ? [item.member.member] : []))
    expect(new Set(told)).toEqual(new Set([member]))
  }
  expect(await members(bob)).toMatchObject([{ user: 'ada' }])
})

test('goes on for the other subscription when one ends', async () => {
  const node = await start()
  const client = await connect(node)
  for (const sub of [0, 1]) await client.request({ type: 'subscribe', channel, sub, presence: true })
  await client.request({ type: 'unsubscribe', channel })
  await enter(client, 'me')
  await client.next('member')
  expect(client.received.filter((item) => item.type === 'member')).toMatchObject([{ sub: 1 }])
})

test('neither leaves nor enters when the same client is cut off and comes back', async () => {
  const node = await start({ presenceGraceMs: 60_000 })
  const watcher = await connect(node)
  await watcher.request({ type: 'subscribe', channel, presence: true })
  const first = await connect(node, { token: 'ada', client: 'secret' })
  await enter(first, 'here')
  first.socket.terminate()
  await until(() => node.tidings.health().sessions === 1)
  const second = await connect(node, { token: 'ada', client: 'secret' })
  await enter(second, 'still here')
  await watcher.find((item) => item.type === 'member' && item.member.data === 'still here')
  expect(changes(watcher.received)).toEqual([
    ['entered', 'here'],
    ['updated', 'still here'],
  ])
  expect(await members(watcher)).toHaveLength(1)
  const kinds = watcher.received.flatMap((item) => (item.type === 'member' ? [item.member] : []))
  expect(kinds[0]?.enteredAt).toBe(kinds[1]?.enteredAt)
  expect(kinds[0]?.member).toBe(kinds[1]?.member)
})

test('stays when the old connection of a client ends after the new one entered', async () => {
  const node = await start({ presenceGraceMs: 1 })
  const first = await connect(node, { token: 'ada', client: 'secret' })
  await enter(first, 'here')
  const second = await connect(node, { token: 'ada', client: 'secret' })
  await enter(second, 'here')
  await first.close()
  await until(() => node.tidings.health().sessions === 1)
  expect(await members(second)).toHaveLength(1)
})

test('leaves once the grace is over', async () => {
  const node = await start({ presenceGraceMs: 20 })
  const watcher = await connect(node)
  await watcher.request({ type: 'subscribe', channel, presence: true })
  const client = await connect(node, { client: 'secret' })
  await enter(client, 'here')
  client.socket.terminate()
  await watcher.find((item) => item.type === 'member' && item.change === 'left')
  expect(await members(watcher)).toEqual([])
})

test('keeps the place of a client that gave up its connection with 3000, as browsers must', async () => {
  const node = await start({ presenceGraceMs: 60_000 })
  const watcher = await connect(node)
  await watcher.request({ type: 'subscribe', channel, presence: true })
  const client = await connect(node, { client: 'secret' })
  await enter(client, 'here')
  client.socket.close(3000)
  await client.closed
  await until(() => node.tidings.health().sessions === 1)
  expect(await members(watcher)).toHaveLength(1)
})

test('leaves at once with a goodbye', async () => {
  const node = await start({ presenceGraceMs: 60_000 })
  const watcher = await connect(node)
  await watcher.request({ type: 'subscribe', channel, presence: true })
  const client = await connect(node)
  await enter(client, 'here')
  await client.close()
  await watcher.find((item) => item.type === 'member' && item.change === 'left')
})

test('sends a full connection everyone anew once it drains, and nothing in between', async () => {
  const node = await start({ limits: { maxBufferedBytes: 16_384 } })
  const lobby = node.tidings.channel('long:{name}', { name: 'a' })
  const slow = await connect(node)
  await slow.request({ type: 'subscribe', channel, presence: true })
  await slow.request({ type: 'subscribe', channel: 'long:a' })
  const busy = await connect(node)
  slow.socket.pause()
  for (let index = 0; index < 400; index++) {
    await lobby.publish('x'.repeat(60_000))
    if (index % 10 === 0) await busy.request({ type: 'ping' })
  }
  await enter(busy, 'first')
  for (let index = 0; index < 500; index++) {
    await busy.request({ type: 'presence', channel, action: 'update', data: 'x'.repeat(1000) + String(index) })
  }
  slow.socket.resume()
  const all = await slow.find((item) => item.type === 'members' && item.members.length === 1)
  expect(all).toMatchObject({ members: [{ data: `${'x'.repeat(1000)}499` }] })
  expect(slow.received.filter((item) => item.type === 'member').length).toBeLessThan(100)
})

test('is refused where there is none, to whom did not enter, and for data that is too large or no JSON', async () => {
  const client = await connect(await start({ limits: { maxPresenceBytes: 20, maxSubscriptions: 1 } }))
  const ask = (action: 'enter' | 'update' | 'leave' | 'get', data?: string, name = channel) =>
    client.request({ type: 'presence', channel: name, action, ...(data === undefined ? {} : { data }) })
  expect(await ask('get', undefined, 'any:a')).toMatchObject({ code: 'presence-disabled' })
  expect(await ask('update', 'x')).toMatchObject({ code: 'not-present' })
  expect(await ask('leave')).toMatchObject({ code: 'not-present' })
  expect(await ask('enter', 'x'.repeat(19))).toMatchObject({ code: 'payload-too-large' })
  expect(await ask('enter', 'x'.repeat(18))).toMatchObject({ type: 'presence' })
  expect(await ask('enter', 'x', 'chat:b')).toMatchObject({ code: 'too-many-subscriptions' })
  client.send('{"type":"presence","id":99,"channel":"chat:a","action":"enter","data":"\\ud800"}')
  expect(await client.find((item) => 'id' in item && item.id === 99)).toMatchObject({ code: 'bad-payload' })
  expect(await ask('leave')).toEqual({ type: 'presence', id: expect.any(Number) as number, channel })
})
