import { describe, expect, test } from 'vitest'
import type { Backend } from '../backend/backend.js'
import { memory } from '../backend/memory/index.js'
import { afterTest, until } from '../node.fixture.js'
import { buildDataFrame } from '../transport/frame.js'
import { channel, offsets, subscribeTo } from './scripted-log.fixture.js'
import { itemsOf, turns } from './subscriber.fixture.js'

const FILLER = buildDataFrame(JSON.stringify('x'.repeat(40_000)))

/** A live subscription that skips, and the backend whose channel it is for. */
const subscribeSkipping = async () => {
  const backend = memory()
  await backend.open(() => undefined)
  afterTest(() => backend.close())
  const subscribed = await subscribeTo(backend.log, undefined, { policy: 'skip' })
  subscribed.subscription.start()
  await until(() => subscribed.peer.received.length === 1)
  return { ...subscribed, backend }
}

/** All in one turn of the event loop: two of 30,000 characters share a frame. Their positions. */
const publishTogether = async ({ log }: Backend, from: number, to: number, characters = 30_000): Promise<string[]> => {
  const payload = JSON.stringify('x'.repeat(characters))
  const ids = Array.from({ length: to - from + 1 }, (_, index) => `${from + index}`)
  const results = await Promise.all(ids.map((id) => log.publish(channel, { id, scope: 's', publisher: null, payload })))
  return results.map(({ position }) => position)
}

describe('a subscription that skips', () => {
  test('is told exactly what went by when its connection became full in the middle of a batch', async () => {
    const { peer, backend } = await subscribeSkipping()
    peer.stopReading()
    const positions = await publishTogether(backend, 1, 5)
    await turns(3)
    peer.goOnReading()
    await until(() => itemsOf(peer.received).length === 3)
    await publishTogether(backend, 6, 6)
    await until(() => itemsOf(peer.received).length === 4)
    expect(itemsOf(peer.received)).toMatchObject([
      { publication: { offset: 1 } },
      { publication: { offset: 2 } },
      { gap: { from: positions[1], to: positions[4], reason: 'skipped', missed: 3 } },
      { publication: { offset: 6 } },
    ])
  })

  test('is told of each time apart', async () => {
    const { peer, outbound, backend } = await subscribeSkipping()
    for (const first of [1, 5]) {
      await publishTogether(backend, first, first, 10)
      await until(() => offsets(peer.received).includes(first))
      peer.stopReading()
      outbound.write(FILLER)
      await publishTogether(backend, first + 1, first + 2, 10)
      await turns(3)
      const [last] = await publishTogether(backend, first + 3, first + 3, 10)
      await turns(3)
      peer.goOnReading()
      await until(() => itemsOf(peer.received).some((item) => 'gap' in item && item.gap.to === last))
    }
    expect(
      itemsOf(peer.received).map((item) => ('gap' in item ? item.gap.missed : `offset ${item.publication.offset}`)),
    ).toEqual(['offset 1', 3, 'offset 5', 3])
  })

  test('is told of no gap while nothing went by, however full its connection was', async () => {
    const { peer, outbound, backend } = await subscribeSkipping()
    peer.stopReading()
    outbound.write(FILLER)
    await turns(3)
    expect(outbound.isBehind).toBe(true)
    peer.goOnReading()
    await until(() => !outbound.isBehind)
    await publishTogether(backend, 1, 2)
    await until(() => itemsOf(peer.received).length === 2)
    expect(offsets(peer.received)).toEqual([1, 2])
  })

  test('is told nothing after it has ended', async () => {
    const { peer, outbound, backend, subscription } = await subscribeSkipping()
    peer.stopReading()
    outbound.write(FILLER)
    await publishTogether(backend, 1, 1)
    await turns(3)
    subscription.end()
    peer.goOnReading()
    await until(() => outbound.bufferedBytes === 0)
    await publishTogether(backend, 2, 2)
    await turns(5)
    expect(itemsOf(peer.received)).toEqual([])
  })
})
