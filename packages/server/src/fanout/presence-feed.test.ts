import { jsonCodec, type Member, type ServerMessage } from '@tidings/protocol'
import { expect, test } from 'vitest'
import { memory } from '../backend/memory/index.js'
import { afterTest, until } from '../node.fixture.js'
import { buildDataFrame } from '../transport/frame.js'
import { Turn } from '../transport/turn.js'
import { type PresenceFeed, PresenceFeeds, type PresenceSubscriber } from './presence-feed.js'
import { connectPeer, type Peer, turns } from './subscriber.fixture.js'

const CHANNEL = 'chat:a'
const MAX_BUFFERED_BYTES = 1000

const member = (name: string, data: string): Member => ({ member: name, user: name, data, enteredAt: 1 })

/** A feed of a channel in which Ada is, and the store that tells it of changes. */
const startFeed = async () => {
  const backend = memory()
  await backend.open(() => undefined)
  afterTest(() => backend.close())
  await backend.presence.put(CHANNEL, member('ada', 'here'))
  const feeds = new PresenceFeeds(backend.presence)
  afterTest(() => feeds.close())
  return { feeds, feed: await feeds.acquire(CHANNEL), store: backend.presence }
}

const subscribe = (feed: PresenceFeed): { readonly peer: Peer; readonly subscriber: PresenceSubscriber } => {
  const { peer, outbound } = connectPeer(new Turn(), MAX_BUFFERED_BYTES)
  const subscriber = { codec: jsonCodec, sub: 0, outbound }
  feed.add(subscriber)
  return { peer, subscriber }
}

/** From now on the connection is full, until the peer goes on reading. */
const fill = async ({ peer, subscriber }: ReturnType<typeof subscribe>): Promise<void> => {
  await until(() => pushes(peer).length > 0)
  peer.stopReading()
  subscriber.outbound.write(buildDataFrame(JSON.stringify('x'.repeat(2 * MAX_BUFFERED_BYTES))))
  await turns(1)
  expect(subscriber.outbound.isBehind).toBe(true)
}

/** The pushes as they came: who is there, or what changed. */
const pushes = (peer: Peer): readonly unknown[] =>
  peer.received.flatMap((message: ServerMessage): readonly unknown[] => {
    if (message.type === 'members') return [message.members.map(({ user, data }) => [user, data])]
    return message.type === 'member' ? [`${message.change} ${message.member.user}`] : []
  })

test('a subscriber whose connection is full is sent everyone once when it drains, and no change before', async () => {
  const { feed, store } = await startFeed()
  const slow = subscribe(feed)
  const quick = subscribe(feed)
  await fill(slow)
  await store.put(CHANNEL, member('bob', 'first'))
  await store.put(CHANNEL, member('bob', 'second'))
  await store.remove(CHANNEL, 'ada')
  const waitingBytes = slow.subscriber.outbound.bufferedBytes
  await store.put(CHANNEL, member('cleo', 'here'))
  expect(slow.subscriber.outbound.bufferedBytes).toBe(waitingBytes)
  slow.peer.goOnReading()
  await until(() => pushes(slow.peer).length === 2)
  await store.put(CHANNEL, member('bob', 'third'))
  await until(() => pushes(slow.peer).length > 2)
  await turns(3)
  expect(pushes(slow.peer)).toEqual([
    [['ada', 'here']],
    [
      ['bob', 'second'],
      ['cleo', 'here'],
    ],
    'updated bob',
  ])
  expect(pushes(quick.peer)).toEqual([
    [['ada', 'here']],
    'entered bob',
    'updated bob',
    'left ada',
    'entered cleo',
    'updated bob',
  ])
})

test('a subscriber that is full when it comes is sent everyone once it drains', async () => {
  const { feed, store } = await startFeed()
  const first = subscribe(feed)
  await fill(first)
  feed.remove(first.subscriber)
  feed.add(first.subscriber)
  await store.put(CHANNEL, member('bob', 'here'))
  first.peer.goOnReading()
  await until(() => pushes(first.peer).length === 2)
  await turns(3)
  expect(pushes(first.peer).slice(1)).toEqual([
    [
      ['ada', 'here'],
      ['bob', 'here'],
    ],
  ])
})

test.each(['the subscriber is gone', 'the feed has stopped'])('nothing is sent once it drains when %s', async (end) => {
  const { feed, feeds, store } = await startFeed()
  const slow = subscribe(feed)
  await fill(slow)
  await store.put(CHANNEL, member('bob', 'here'))
  if (end === 'the subscriber is gone') feed.remove(slow.subscriber)
  else feeds.close()
  slow.peer.goOnReading()
  await until(() => slow.subscriber.outbound.bufferedBytes === 0)
  await turns(5)
  expect(pushes(slow.peer)).toEqual([[['ada', 'here']]])
})

test('what changes while the feed starts is told after everyone who was there', async () => {
  const { feeds, store } = await startFeed()
  await store.put('chat:b', member('ada', 'here'))
  const acquired = feeds.acquire('chat:b')
  await store.put('chat:b', member('bob', 'early'))
  await store.remove('chat:b', 'ada')
  const { peer } = subscribe(await acquired)
  await until(() => pushes(peer).length === 1)
  expect(pushes(peer)).toEqual([[['bob', 'early']]])
})

test('a feed that was closed while it started watches nothing', async () => {
  const { feeds, store } = await startFeed()
  const acquired = feeds.acquire('chat:b')
  feeds.close()
  const { peer } = subscribe(await acquired)
  await until(() => pushes(peer).length === 1)
  await store.put('chat:b', member('bob', 'late'))
  await turns(3)
  expect(pushes(peer)).toEqual([[]])
})
