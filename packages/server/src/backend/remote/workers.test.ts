import { once } from 'node:events'
import { setImmediate as endOfTurn } from 'node:timers/promises'
import type { Member } from '@tidings/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Backend, BackendError, type LogChannel, type NewPublication, type StoredPublication } from '../backend.js'
import { memory } from '../memory/index.js'
import { Hub } from '../../fanout/hub.js'
import { Turn } from '../../transport/turn.js'
import type { BackendOwner } from './backend-owner.js'
import { ownerOf, workerOf } from './served.fixture.js'

const CHANNEL: LogChannel = {
  name: 'chat:a',
  durability: 'memory',
  history: { maxCount: 1000 },
  dedupeWindowMs: 120_000,
}

const publication = (id: string, payload: string | Uint8Array = '1'): NewPublication => ({
  ...{ id, payload, scope: 'user:ada', publisher: 'ada' },
})

const member = (name: string, enteredAt = 1): Member => ({ member: name, user: name, data: null, enteredAt })

describe('workers of one backend', () => {
  let owned: Backend
  let owner: BackendOwner

  beforeEach(async () => {
    owned = memory()
    await owned.open(() => undefined)
    owner = ownerOf(owned)
  })

  afterEach(() => owned.close())

  it('see one order, each publication once and before its publish resolves', async () => {
    const workers = [await workerOf(owner), await workerOf(owner)]
    const seen = await Promise.all(
      workers.map(async ({ backend }) => {
        const offsets: [number, number | null][] = []
        const listener = {
          publication: ({ offset }: StoredPublication, previous: number | null) => offsets.push([offset, previous]),
          suspect: () => expect.unreachable(),
        }
        await backend.log.watch(CHANNEL, listener)
        return offsets
      }),
    )
    const publishes = workers.flatMap(({ backend }, number) =>
      Array.from({ length: 100 }, async (_, index) => {
        const { offset } = await backend.log.publish(CHANNEL, publication(`${number}-${index}`))
        expect(seen[number]?.at(offset - 1)).toEqual([offset, offset - 1])
      }),
    )
    await Promise.all(publishes)
    const all = Array.from({ length: 200 }, (_, index) => [index + 1, index])
    for (const offsets of seen) await expect.poll(() => offsets).toEqual(all)
  })

  it('begin a subscription after everything that was acknowledged before, whoever had it stored', async () => {
    const [late, publisher] = [await workerOf(owner), await workerOf(owner)]
    const hub = new Hub(late.backend.log, new Turn())
    const feed = await hub.acquire(CHANNEL)
    late.stream.pause()
    await publisher.backend.log.publish(CHANNEL, publication('a'))
    const acquiring = hub.acquire(CHANNEL).then(({ cursor }) => cursor.offset)
    await endOfTurn()
    late.stream.resume()
    expect(await acquiring).toBe(1)
    hub.release(feed)
    hub.close()
  })

  it('count a channel that several watch once, until nobody does', async () => {
    const workers = [await workerOf(owner), await workerOf(owner)]
    const watches = await Promise.all(
      workers.map(({ backend }) =>
        backend.log.watch(CHANNEL, { publication: () => undefined, suspect: () => undefined }),
      ),
    )
    expect(owner.channelCount).toBe(1)
    for (const watch of watches) watch.stop()
    await expect.poll(() => owner.channelCount).toBe(0)
  })

  it('give what is published whole: bytes, key and tags, and refusals with their code', async () => {
    const { backend } = await workerOf(owner)
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index)
    const sent = { ...publication('a', bytes), key: 'k"\n', tags: { ü: '☃' } }
    await backend.log.publish(CHANNEL, sent)
    const page = await backend.log.read(CHANNEL, { direction: 'forward', limit: 10, maxBytes: 1000 })
    expect(page.publications).toMatchObject([{ payload: bytes, key: 'k"\n', tags: { ü: '☃' }, publisher: 'ada' }])
    await expect(backend.log.publish(CHANNEL, publication('a', '2'))).rejects.toMatchObject({ code: 'id-conflict' })
  })

  it('refuse a publish that waits for the owner longer than its id is remembered', async () => {
    const { backend } = await workerOf(owner)
    const late = backend.log.publish(CHANNEL, { ...publication('a'), maxWaitMs: 1 })
    const inTime = backend.log.publish(CHANNEL, { ...publication('b'), maxWaitMs: 60_000 })
    // Owner and worker are one process here, which now stands still.
    for (const end = performance.now() + 20; performance.now() < end; ) Math.sqrt(end)
    await expect(late).rejects.toMatchObject({ code: 'unavailable' })
    expect(await inTime).toMatchObject({ offset: 1 })
  })

  it('take their presence entries with them, but not what another has taken over', async () => {
    const [dying, other] = [await workerOf(owner), await workerOf(owner)]
    const changes: string[] = []
    await other.backend.presence.watch('chat:a', (change, { member: name }) => changes.push(`${change} ${name}`))
    await dying.backend.presence.put('chat:a', member('ada', 1))
    await dying.backend.presence.put('chat:a', member('bob', 1))
    await other.backend.presence.put('chat:a', member('bob', 2))
    await dying.backend.presence.remove('chat:a', 'bob')
    dying.stream.destroy()
    await expect.poll(() => changes).toEqual(['entered ada', 'entered bob', 'updated bob', 'left ada'])
    expect(await other.backend.presence.members('chat:a')).toEqual([member('bob', 1)])
  })

  it('fail when the owner is gone, with every call that is under way', async () => {
    const { backend, stream, failures } = await workerOf(owner)
    const publish = backend.log.publish(CHANNEL, publication('a'))
    stream.destroy()
    await expect(publish).rejects.toMatchObject({ code: 'unavailable' })
    expect(failures).toMatchObject([{ code: 'unavailable' }])
    await expect(backend.state.get('key')).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('fail as the backend did, once', async () => {
    const { backend, failures, stream } = await workerOf(owner)
    owner.fail(new BackendError('fenced', 'A sync failed.'))
    await expect.poll(() => failures).toMatchObject([{ code: 'fenced', message: 'A sync failed.' }])
    stream.destroy()
    await once(stream, 'close')
    expect(failures).toHaveLength(1)
    await backend.close()
  })

  it('do not fail when they close, and what they were asked for is done', async () => {
    const { backend, failures, closed } = await workerOf(owner)
    const publish = backend.log.publish(CHANNEL, publication('a'))
    await backend.close()
    expect(await publish).toMatchObject({ offset: 1 })
    await closed
    expect(failures).toEqual([])
  })

  /** Publishes to a channel that a worker watches which takes nothing, until it is behind. */
  const fill = async (publisher: Backend): Promise<void> => {
    for (let number = 0; !owner.isWaiting; number += 1) {
      void publisher.log.publish(CHANNEL, publication(`fill-${number}`, 'x'.repeat(65_536))).catch(() => undefined)
      await endOfTurn()
    }
  }

  it('wait for one that does not take what it is told, and go on once it does', async () => {
    owner = ownerOf(owned, { fullBytes: 1 })
    const [slow, publisher] = [await workerOf(owner), await workerOf(owner)]
    let toldBytes = 0
    await slow.backend.log.watch(CHANNEL, {
      publication: ({ payload }) => (toldBytes += payload.length),
      suspect: () => expect.unreachable(),
    })
    slow.stream.pause()
    await fill(publisher.backend)
    const wasWaiting = publisher.backend.state.get('key').then(() => owner.isWaiting)
    // A connection of its own takes longer than an answer would.
    await workerOf(owner)
    slow.stream.resume()
    expect(await wasWaiting).toBe(false)
    const { offset } = await publisher.backend.log.publish(CHANNEL, publication('last', ''))
    await expect.poll(() => toldBytes).toBe((offset - 1) * 65_536)
  })

  it('lose one that takes nothing for too long, and go on', async () => {
    owner = ownerOf(owned, { fullBytes: 1, stallMs: 500 })
    const [stuck, publisher] = [await workerOf(owner), await workerOf(owner)]
    await stuck.backend.log.watch(CHANNEL, { publication: () => undefined, suspect: () => undefined })
    stuck.stream.pause()
    await fill(publisher.backend)
    await stuck.closed
    expect(await publisher.backend.state.get('key')).toBeUndefined()
  })
})
